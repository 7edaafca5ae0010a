//! Sets money aside for a job. Only the books of the balance change: no money moves.

mod accounts;

use cyxwiz_escrow_interface::policy::{Escrow, Order};
use cyxwiz_escrow_interface::{BalanceAccount, EscrowAccount, Event};
use pinocchio::ProgramResult;

use super::now;
use crate::account::{store_balance, store_escrow};
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::refused;

#[inline(never)]
pub(crate) fn open(call: &mut Call<'_>, order: &Order) -> ProgramResult {
    let accounts = accounts::Accounts::check(call)?;
    let (config, books, buyer) = (&accounts.config.config, &accounts.books, accounts.buyer.address());
    let opened = Escrow::open(config, &books.balance, *buyer, order, now()?);
    let (balance, escrow) = opened.map_err(refused)?;
    let bump = accounts.create(order.job)?;
    let rent_payer = *accounts.payer.address();
    store_escrow(accounts.escrow, &EscrowAccount { bump, rent_payer, escrow })?;
    store_balance(accounts.view, &BalanceAccount { balance, ..*books })?;
    emit(&Event::Opened {
        buyer: escrow.buyer,
        job: escrow.job,
        mint: escrow.mint,
        deposit: escrow.deposit,
        limit: escrow.limit,
        expire_at: escrow.expire_at,
    });
    Ok(())
}
