//! Whether the money is where the books say that it is.

use cyxwiz_escrow_interface::{BalanceAccount, EscrowError, NATIVE};
use pinocchio::error::ProgramError;
use pinocchio::sysvars::Sysvar;
use pinocchio::sysvars::rent::Rent;
use pinocchio::{AccountView, Address, ProgramResult};

use crate::account::{TokenAccount, load_token, vault_address};
use crate::fail::{ensure, refused};

/// A balance and the account that holds its tokens.
pub(crate) struct Vault<'a> {
    /// The balance's account, which the vault belongs to.
    pub(crate) balance: &'a AccountView,
    /// What stands in it.
    pub(crate) books: &'a BalanceAccount,
    /// The vault.
    pub(crate) vault: &'a AccountView,
}

/// The balance is of SOL and holds at least what its books say, over its own rent.
pub(crate) fn sol_holds(view: &AccountView, books: &BalanceAccount) -> ProgramResult {
    ensure(books.balance.mint == NATIVE, EscrowError::WrongKindOfMint)?;
    let rent = Rent::get()?.try_minimum_balance(BalanceAccount::LEN)?;
    let total = books.balance.total().map_err(refused)?;
    let over_rent = view.lamports().saturating_sub(rent);
    ensure(over_rent >= total.0, EscrowError::VaultShort)
}

/// The balance is of tokens, the vault is its vault and holds at least what the books say.
pub(crate) fn tokens_hold(vault: &Vault<'_>, program: &Address) -> Result<TokenAccount, ProgramError> {
    let balance = &vault.books.balance;
    ensure(balance.mint != NATIVE, EscrowError::WrongKindOfMint)?;
    let address = vault_address(vault.balance, vault.books.vault_bump, program);
    ensure(address == *vault.vault.address(), EscrowError::VaultAddress)?;
    let held = load_token(vault.vault, &balance.mint, vault.balance.address())?;
    ensure(held.amount >= balance.total().map_err(refused)?, EscrowError::VaultShort)?;
    Ok(held)
}
