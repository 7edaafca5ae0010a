//! Puts money into the owner's balance.

mod accounts;

use cyxwiz_escrow_interface::policy::Amount;
use cyxwiz_escrow_interface::{BalanceAccount, EscrowError, Event};
use pinocchio::ProgramResult;
use pinocchio_system::instructions::Transfer;
use pinocchio_token::instructions::Transfer as TokenTransfer;

use crate::account::store_balance;
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::{ensure, refused};

#[inline(never)]
pub(crate) fn deposit(call: &mut Call<'_>, amount: Amount) -> ProgramResult {
    let accounts = accounts::Accounts::check(call)?;
    let old = &accounts.books.balance;
    ensure(old.owner == *accounts.owner.address(), EscrowError::NotOwner)?;
    accounts.config.config.admits(old.mint).map_err(refused)?;
    let balance = old.deposit(amount).map_err(refused)?;
    match &accounts.tokens {
        None => Transfer { from: accounts.owner, to: accounts.view, lamports: amount.0 }.invoke()?,
        Some(tokens) => {
            TokenTransfer::new(tokens.source, tokens.vault, accounts.owner, amount.0).invoke()?;
        }
    }
    store_balance(accounts.view, &BalanceAccount { balance, ..accounts.books })?;
    emit(&Event::Deposited { owner: balance.owner, mint: balance.mint, amount });
    Ok(())
}
