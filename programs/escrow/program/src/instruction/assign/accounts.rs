use cyxwiz_escrow_interface::{ConfigAccount, EscrowAccount};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address};

use crate::account::{exactly, load_config, load_escrow, signed, writable};
use crate::dispatch::Call;

/// The accounts of an assignment.
pub(super) struct Accounts<'a> {
    /// Who signed.
    pub(super) signer: Address,
    /// The configuration.
    pub(super) config: ConfigAccount,
    /// The escrow's account.
    pub(super) view: &'a mut AccountView,
    /// What stands in it.
    pub(super) account: EscrowAccount,
}

impl<'a> Accounts<'a> {
    #[inline(always)]
    pub(super) fn check(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [signer, config, view] = exactly(call.accounts)?;
        signed(signer)?;
        writable(view)?;
        let config = load_config(config, call.program)?;
        let account = load_escrow(view, call.program)?;
        Ok(Self { signer: *signer.address(), config, view, account })
    }
}
