//! Accounts: whether each is what it claims to be, and how it is written.
//!
//! An account is believed when this program owns it, its letters, version and length are right, every field is
//! possible, and it stands at the address that its own content derives to.

mod books;
mod create;
mod owned;
mod token;

pub(crate) use books::{store_balance, store_config, store_escrow};
pub(crate) use create::{Fresh, create};
pub(crate) use owned::{load_balance, load_config, load_escrow, vault_address};
pub(crate) use token::{TokenAccount, load_token, mint};

use cyxwiz_escrow_interface::{EscrowError, SYSTEM_PROGRAM, TOKEN_PROGRAM};
use pinocchio::AccountView;
use pinocchio::ProgramResult;
use pinocchio::error::ProgramError;

use crate::fail::{ensure, fail};

/// Exactly this many accounts.
pub(crate) fn exactly<const N: usize>(
    accounts: &mut [AccountView],
) -> Result<&mut [AccountView; N], ProgramError> {
    accounts.try_into().map_err(|_| fail(EscrowError::AccountCount))
}

/// It signed.
pub(crate) fn signed(account: &AccountView) -> ProgramResult {
    ensure(account.is_signer(), EscrowError::MissingSignature)
}

/// The transaction lets it be changed.
pub(crate) fn writable(account: &AccountView) -> ProgramResult {
    ensure(account.is_writable(), EscrowError::NotWritable)
}

/// Two accounts are not one.
pub(crate) fn distinct(one: &AccountView, other: &AccountView) -> ProgramResult {
    ensure(one.address() != other.address(), EscrowError::DuplicateAccount)
}

/// It is the system program.
pub(crate) fn system_program(account: &AccountView) -> ProgramResult {
    ensure(*account.address() == SYSTEM_PROGRAM, EscrowError::NotSystemProgram)
}

/// It is the classic token program and no other.
pub(crate) fn token_program(account: &AccountView) -> ProgramResult {
    ensure(*account.address() == TOKEN_PROGRAM, EscrowError::NotTokenProgram)
}
