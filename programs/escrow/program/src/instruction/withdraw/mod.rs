//! Takes money out of the owner's balance. Nothing can stop it: not a pause, not a mint that left the list.

mod accounts;

pub(super) use accounts::Outgoing;

use cyxwiz_escrow_interface::policy::Amount;
use cyxwiz_escrow_interface::{BalanceAccount, Event};
use pinocchio::ProgramResult;

use crate::account::store_balance;
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::refused;
use crate::money::{Vault, pay, send_tokens};

#[inline(never)]
pub(crate) fn withdraw(call: &mut Call<'_>, amount: Amount) -> ProgramResult {
    let accounts = Outgoing::check(call)?;
    let books = &accounts.books;
    let balance = books.balance.withdraw(*accounts.owner.address(), amount).map_err(refused)?;
    if let Some(tokens) = &accounts.tokens {
        let vault = Vault { balance: accounts.view, books, vault: tokens.vault };
        send_tokens(&vault, tokens.target, amount)?;
    }
    store_balance(accounts.view, &BalanceAccount { balance, ..*books })?;
    if accounts.tokens.is_none() {
        pay(accounts.view, accounts.owner, amount)?;
    }
    emit(&Event::Withdrawn { owner: balance.owner, mint: balance.mint, amount });
    Ok(())
}
