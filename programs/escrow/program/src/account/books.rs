//! Writing the program's own accounts.

use cyxwiz_escrow_interface::{BalanceAccount, ConfigAccount, EscrowAccount, EscrowError};
use pinocchio::{AccountView, ProgramResult};

use crate::fail::fail;

/// Writes the configuration.
pub(crate) fn store_config(view: &mut AccountView, config: &ConfigAccount) -> ProgramResult {
    store(view, &config.encode(), EscrowError::NotConfig)
}

/// Writes a balance.
pub(crate) fn store_balance(view: &mut AccountView, balance: &BalanceAccount) -> ProgramResult {
    store(view, &balance.encode(), EscrowError::NotBalance)
}

/// Writes an escrow.
pub(crate) fn store_escrow(view: &mut AccountView, escrow: &EscrowAccount) -> ProgramResult {
    store(view, &escrow.encode(), EscrowError::NotEscrow)
}

fn store<const N: usize>(view: &mut AccountView, bytes: &[u8; N], other: EscrowError) -> ProgramResult {
    let mut data = view.try_borrow_mut()?;
    let whole: &mut [u8; N] = (&mut *data).try_into().map_err(|_| fail(other))?;
    *whole = *bytes;
    Ok(())
}
