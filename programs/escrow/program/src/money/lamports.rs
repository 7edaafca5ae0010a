//! Lamports of accounts that this program owns.

use cyxwiz_escrow_interface::EscrowError;
use cyxwiz_escrow_interface::policy::Amount;
use pinocchio::sysvars::Sysvar;
use pinocchio::sysvars::rent::Rent;
use pinocchio::{AccountView, ProgramResult};

use crate::fail::{ensure, fail};

/// Moves lamports. Both views are read afresh, since they may be one account.
pub(crate) fn give(from: &mut AccountView, to: &mut AccountView, amount: Amount) -> ProgramResult {
    let left = from.lamports().checked_sub(amount.0).ok_or(fail(EscrowError::VaultShort))?;
    from.set_lamports(left);
    let more = to.lamports().checked_add(amount.0).ok_or(fail(EscrowError::Overflow))?;
    to.set_lamports(more);
    Ok(())
}

/// Moves lamports to a wallet, which the chain would not let stay below the rent minimum.
pub(crate) fn pay(from: &mut AccountView, to: &mut AccountView, amount: Amount) -> ProgramResult {
    if amount == Amount::ZERO {
        return Ok(());
    }
    give(from, to, amount)?;
    let minimum = Rent::get()?.try_minimum_balance(to.data_len())?;
    ensure(to.lamports() >= minimum, EscrowError::PayoutBelowRent)
}

/// Ends an account of this program: all its lamports go to `to`.
pub(crate) fn close(account: &mut AccountView, to: &mut AccountView) -> ProgramResult {
    let all = Amount(account.lamports());
    give(account, to, all)?;
    account.close()
}
