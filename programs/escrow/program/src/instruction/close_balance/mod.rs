//! Takes everything out, also what strangers put in, ends the balance and gives its rent back to the owner.
//! Its accounts are those of a withdrawal.

use cyxwiz_escrow_interface::Event;
use pinocchio::ProgramResult;

use super::withdraw::Outgoing;
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::refused;
use crate::money::{Vault, close, close_vault, send_tokens};

#[inline(never)]
pub(crate) fn close_balance(call: &mut Call<'_>) -> ProgramResult {
    let accounts = Outgoing::check(call)?;
    let balance = &accounts.books.balance;
    let amount = balance.close(*accounts.owner.address()).map_err(refused)?;
    if let Some(tokens) = &accounts.tokens {
        let vault = Vault { balance: accounts.view, books: &accounts.books, vault: tokens.vault };
        send_tokens(&vault, tokens.target, tokens.held)?;
        close_vault(&vault, accounts.owner)?;
    }
    close(accounts.view, accounts.owner)?;
    emit(&Event::Withdrawn { owner: balance.owner, mint: balance.mint, amount });
    Ok(())
}
