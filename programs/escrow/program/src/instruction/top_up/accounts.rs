use cyxwiz_escrow_interface::{BalanceAccount, ConfigAccount, EscrowAccount};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address};

use crate::account::{exactly, load_balance, load_config, load_escrow, signed, writable};
use crate::dispatch::Call;

/// The accounts of a top-up.
pub(super) struct Accounts<'a> {
    /// Who signed.
    pub(super) signer: Address,
    /// The configuration.
    pub(super) config: ConfigAccount,
    /// The balance's account.
    pub(super) balance: &'a mut AccountView,
    /// What stands in it.
    pub(super) books: BalanceAccount,
    /// The escrow's account.
    pub(super) escrow: &'a mut AccountView,
    /// What stands in it.
    pub(super) account: EscrowAccount,
}

impl<'a> Accounts<'a> {
    #[inline(always)]
    pub(super) fn check(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [signer, config, balance, escrow] = exactly(call.accounts)?;
        signed(signer)?;
        writable(balance)?;
        writable(escrow)?;
        let config = load_config(config, call.program)?;
        let books = load_balance(balance, call.program)?;
        let account = load_escrow(escrow, call.program)?;
        Ok(Self { signer: *signer.address(), config, balance, books, escrow, account })
    }
}
