//! Pays the assigned payee and the treasury, gives the rest back to the buyer's balance, ends the escrow.

mod accounts;

use cyxwiz_escrow_interface::policy::{Charge, Settlement};
use cyxwiz_escrow_interface::{BalanceAccount, EscrowError, Event};
use pinocchio::{Address, ProgramResult};

use self::accounts::Accounts;
use super::now;
use crate::account::{load_token, store_balance};
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::{ensure, refused};
use crate::money::{Vault, close, pay, send_tokens, sol_holds, tokens_hold};

#[inline(never)]
pub(crate) fn settle(call: &mut Call<'_>, charge: &Charge) -> ProgramResult {
    let program = call.program;
    let accounts = &mut Accounts::check(call)?;
    let escrow = accounts.account.escrow;
    let sides = (&accounts.config.config, &accounts.books.balance);
    let settlement = escrow.settle(sides, accounts.signer, charge, now()?).map_err(refused)?;
    let books = BalanceAccount { balance: settlement.balance, ..accounts.books };
    match accounts.vault {
        None => {
            in_sol(accounts, &settlement)?;
            store_balance(accounts.balance, &books)?;
            pay(accounts.balance, accounts.payee, settlement.split.node)?;
            pay(accounts.balance, accounts.treasury, settlement.split.platform)?;
        }
        Some(_) => {
            in_tokens(accounts, &settlement, program)?;
            store_balance(accounts.balance, &books)?;
        }
    }
    close(accounts.escrow, accounts.rent_payer)?;
    emit(&Event::Settled {
        buyer: escrow.buyer,
        job: escrow.job,
        payee: settlement.payee,
        epoch: charge.epoch,
        node: settlement.split.node,
        platform: settlement.split.platform,
        refund: settlement.split.refund,
    });
    Ok(())
}

fn in_sol(accounts: &Accounts<'_>, settlement: &Settlement<Address>) -> ProgramResult {
    sol_holds(accounts.balance, &accounts.books)?;
    ensure(settlement.payee == *accounts.payee.address(), EscrowError::WrongPayee)?;
    ensure(settlement.treasury == *accounts.treasury.address(), EscrowError::WrongTreasury)
}

#[inline(never)]
fn in_tokens(accounts: &Accounts<'_>, settlement: &Settlement<Address>, program: &Address) -> ProgramResult {
    let Some(vault) = accounts.vault else { return Ok(()) };
    let vault = Vault { balance: accounts.balance, books: &accounts.books, vault };
    tokens_hold(&vault, program)?;
    let mint = &accounts.books.balance.mint;
    load_token(accounts.payee, mint, &settlement.payee)?;
    load_token(accounts.treasury, mint, &settlement.treasury)?;
    send_tokens(&vault, accounts.payee, settlement.split.node)?;
    send_tokens(&vault, accounts.treasury, settlement.split.platform)
}
