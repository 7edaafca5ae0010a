//! Tokens, by the classic token program.

use cyxwiz_escrow_interface::policy::Amount;
use cyxwiz_escrow_interface::{BalanceAccount, seeds};
use pinocchio::cpi::{Seed, Signer};
use pinocchio::{AccountView, ProgramResult};
use pinocchio_token::instructions::{CloseAccount, InitializeAccount3, Transfer};
use pinocchio_token::state::Account;

use super::Vault;
use crate::account::{Fresh, create};
use cyxwiz_escrow_interface::TOKEN_PROGRAM;

/// Creates a balance's vault, at the payer's cost.
#[inline(never)]
pub(crate) fn create_vault(
    fresh: &Fresh<'_, 2>,
    payer: &AccountView,
    [vault, mint, balance]: [&AccountView; 3],
) -> ProgramResult {
    create(fresh, (payer, vault), Account::LEN, &TOKEN_PROGRAM)?;
    InitializeAccount3::new(vault, mint, balance.address()).invoke()
}

/// Sends tokens out of a vault; nothing is sent when there is nothing to send.
#[inline(never)]
pub(crate) fn send_tokens(from: &Vault<'_>, to: &AccountView, amount: Amount) -> ProgramResult {
    if amount == Amount::ZERO {
        return Ok(());
    }
    let bump = [from.books.bump];
    let seeds = balance_seeds(from.books, &bump);
    Transfer::new(from.vault, to, from.balance, amount.0).invoke_signed(&[Signer::from(&seeds)])
}

/// Ends an empty vault; its rent goes to `to`.
#[inline(never)]
pub(crate) fn close_vault(vault: &Vault<'_>, to: &AccountView) -> ProgramResult {
    let bump = [vault.books.bump];
    let seeds = balance_seeds(vault.books, &bump);
    CloseAccount::new(vault.vault, to, vault.balance).invoke_signed(&[Signer::from(&seeds)])
}

fn balance_seeds<'a>(books: &'a BalanceAccount, bump: &'a [u8; 1]) -> [Seed<'a>; 4] {
    let balance = &books.balance;
    [
        Seed::from(seeds::BALANCE),
        Seed::from(balance.owner.as_array()),
        Seed::from(balance.mint.as_array()),
        Seed::from(bump),
    ]
}
