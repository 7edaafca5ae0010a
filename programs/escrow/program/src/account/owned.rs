//! The program's own accounts.

use cyxwiz_escrow_interface::{
    BalanceAccount, ConfigAccount, EscrowAccount, EscrowError, LayoutError, seeds,
};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address};

use crate::fail::{bad_account, ensure, fail};

/// Where an account must stand, by its own content.
pub(crate) trait Addressed {
    /// The address that the content derives to.
    fn address(&self, program: &Address) -> Address;
}

impl Addressed for ConfigAccount {
    fn address(&self, program: &Address) -> Address {
        Address::derive_address(&[seeds::CONFIG], Some(self.bump), program)
    }
}

impl Addressed for BalanceAccount {
    fn address(&self, program: &Address) -> Address {
        let (owner, mint) = (self.balance.owner.as_array(), self.balance.mint.as_array());
        Address::derive_address(&[seeds::BALANCE, owner, mint], Some(self.bump), program)
    }
}

impl Addressed for EscrowAccount {
    fn address(&self, program: &Address) -> Address {
        let (buyer, job) = (self.escrow.buyer.as_array(), &self.escrow.job.0);
        Address::derive_address(&[seeds::ESCROW, buyer, job], Some(self.bump), program)
    }
}

/// Where a balance's vault must stand.
pub(crate) fn vault_address(balance: &AccountView, bump: u8, program: &Address) -> Address {
    Address::derive_address(&[seeds::VAULT, balance.address().as_array()], Some(bump), program)
}

/// Reads the configuration.
pub(crate) fn load_config(view: &AccountView, program: &Address) -> Result<ConfigAccount, ProgramError> {
    let config = load(view, program, ConfigAccount::decode, EscrowError::NotConfig)?;
    ensure(config.address(program) == *view.address(), EscrowError::ConfigAddress)?;
    Ok(config)
}

/// Reads a balance.
pub(crate) fn load_balance(view: &AccountView, program: &Address) -> Result<BalanceAccount, ProgramError> {
    let balance = load(view, program, BalanceAccount::decode, EscrowError::NotBalance)?;
    ensure(balance.address(program) == *view.address(), EscrowError::BalanceAddress)?;
    Ok(balance)
}

/// Reads an escrow.
pub(crate) fn load_escrow(view: &AccountView, program: &Address) -> Result<EscrowAccount, ProgramError> {
    let escrow = load(view, program, EscrowAccount::decode, EscrowError::NotEscrow)?;
    ensure(escrow.address(program) == *view.address(), EscrowError::EscrowAddress)?;
    Ok(escrow)
}

#[inline(always)]
fn load<T>(
    view: &AccountView,
    program: &Address,
    decode: fn(&[u8]) -> Result<T, LayoutError>,
    other: EscrowError,
) -> Result<T, ProgramError> {
    if !view.owned_by(program) {
        return Err(fail(other));
    }
    decode(&view.try_borrow()?).map_err(|error| bad_account(error, other))
}
