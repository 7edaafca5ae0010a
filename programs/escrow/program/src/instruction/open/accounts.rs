use cyxwiz_escrow_interface::policy::JobId;
use cyxwiz_escrow_interface::{BalanceAccount, ConfigAccount, EscrowAccount, EscrowError, seeds};
use pinocchio::AccountView;
use pinocchio::error::ProgramError;

use crate::account::{Fresh, create, exactly, load_balance, load_config, signed, system_program, writable};
use crate::dispatch::Call;

/// The accounts of an open.
pub(super) struct Accounts<'a> {
    /// Whose job it is.
    pub(super) buyer: &'a AccountView,
    /// Who pays the escrow's rent.
    pub(super) payer: &'a AccountView,
    /// The configuration.
    pub(super) config: ConfigAccount,
    /// The balance's account.
    pub(super) view: &'a mut AccountView,
    /// What stands in it.
    pub(super) books: BalanceAccount,
    /// Where the escrow will stand.
    pub(super) escrow: &'a mut AccountView,
    program: &'a pinocchio::Address,
}

impl<'a> Accounts<'a> {
    #[inline(always)]
    pub(super) fn check(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [buyer, payer, config, view, escrow, system] = exactly(call.accounts)?;
        signed(buyer)?;
        signed(payer)?;
        for changed in [&*payer, &*view, &*escrow] {
            writable(changed)?;
        }
        system_program(system)?;
        let config = load_config(config, call.program)?;
        let books = load_balance(view, call.program)?;
        Ok(Self { buyer, payer, config, view, books, escrow, program: call.program })
    }

    /// Creates the escrow's account and returns its bump.
    #[inline(never)]
    pub(super) fn create(&self, job: JobId) -> Result<u8, ProgramError> {
        let seeds = [seeds::ESCROW, self.buyer.address().as_array(), &job.0];
        let fresh = Fresh::at(self.escrow, seeds, self.program, EscrowError::EscrowAddress)?;
        create(&fresh, (self.payer, self.escrow), EscrowAccount::LEN, self.program)?;
        Ok(fresh.bump)
    }
}
