//! Sets more aside for a job, from what is free in the buyer's balance.

mod accounts;

use cyxwiz_escrow_interface::policy::Amount;
use cyxwiz_escrow_interface::{BalanceAccount, EscrowAccount, Event};
use pinocchio::ProgramResult;

use super::now;
use crate::account::{store_balance, store_escrow};
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::refused;

#[inline(never)]
pub(crate) fn top_up(call: &mut Call<'_>, amount: Amount) -> ProgramResult {
    let accounts = accounts::Accounts::check(call)?;
    let (books, account) = (&accounts.books, &accounts.account);
    let sides = (&accounts.config.config, &books.balance);
    let topped = account.escrow.top_up(sides, accounts.signer, amount, now()?);
    let (balance, escrow) = topped.map_err(refused)?;
    store_balance(accounts.balance, &BalanceAccount { balance, ..*books })?;
    store_escrow(accounts.escrow, &EscrowAccount { escrow, ..*account })?;
    emit(&Event::ToppedUp { buyer: escrow.buyer, job: escrow.job, amount, deposit: escrow.deposit });
    Ok(())
}
