//! What refund, cancel and expire have in common: the books go back, the escrow ends. No money moves, so no token
//! account, frozen or missing, can stand in the way.

use cyxwiz_escrow_interface::policy::{Balance, Closing};
use cyxwiz_escrow_interface::{BalanceAccount, EscrowAccount, EscrowError, Event};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address, ProgramResult};

use crate::account::{load_balance, load_escrow, store_balance, writable};
use crate::event::emit;
use crate::fail::ensure;
use crate::money::close;

/// The accounts that every end of an escrow touches.
pub(super) struct Closed<'a> {
    balance: &'a mut AccountView,
    /// What stands in the balance.
    pub(super) books: BalanceAccount,
    escrow: &'a mut AccountView,
    /// What stands in the escrow.
    pub(super) account: EscrowAccount,
    rent_payer: &'a mut AccountView,
}

impl<'a> Closed<'a> {
    pub(super) fn check(
        [balance, escrow, rent_payer]: [&'a mut AccountView; 3],
        program: &Address,
    ) -> Result<Self, ProgramError> {
        for changed in [&*balance, &*escrow, &*rent_payer] {
            writable(changed)?;
        }
        let books = load_balance(balance, program)?;
        let account = load_escrow(escrow, program)?;
        ensure(account.rent_payer == *rent_payer.address(), EscrowError::WrongRentPayer)?;
        Ok(Self { balance, books, escrow, account, rent_payer })
    }

    /// Ends the escrow with these books.
    pub(super) fn end(self, balance: Balance<Address>, closing: Closing) -> ProgramResult {
        store_balance(self.balance, &BalanceAccount { balance, ..self.books })?;
        close(self.escrow, self.rent_payer)?;
        let escrow = &self.account.escrow;
        emit(&Event::GivenBack { buyer: escrow.buyer, job: escrow.job, amount: escrow.deposit, closing });
        Ok(())
    }
}
