//! What the admin's instructions, and the next admin's acceptance, have in common: who signed, the configuration, and
//! its account. None of them moves money.

use cyxwiz_escrow_interface::policy::{Config, Refusal};
use cyxwiz_escrow_interface::{ConfigAccount, Event};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address, ProgramResult};

use crate::account::{exactly, load_config, signed, store_config, writable};
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::refused;

/// The accounts of a change to the configuration.
pub(super) struct Change<'a> {
    /// Who signed.
    pub(super) signer: Address,
    /// The configuration as it is.
    pub(super) config: Config<Address>,
    bump: u8,
    view: &'a mut AccountView,
}

impl<'a> Change<'a> {
    /// Where the signer and the configuration are all the accounts.
    #[inline(never)]
    pub(super) fn check(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [signer, view] = exactly(call.accounts)?;
        Self::of(signer, view, call.program)
    }

    /// Where there are more.
    #[inline(never)]
    pub(super) fn of(
        signer: &AccountView,
        view: &'a mut AccountView,
        program: &Address,
    ) -> Result<Self, ProgramError> {
        signed(signer)?;
        writable(view)?;
        let ConfigAccount { bump, config } = load_config(view, program)?;
        Ok(Self { signer: *signer.address(), config, bump, view })
    }

    /// Writes what the rules made of it, and says so; `by` is the instruction's number.
    #[inline(never)]
    pub(super) fn store(self, changed: Result<Config<Address>, Refusal>, by: u8) -> ProgramResult {
        let config = changed.map_err(refused)?;
        store_config(self.view, &ConfigAccount { bump: self.bump, config })?;
        emit(&Event::ConfigChanged { version: config.version, by });
        Ok(())
    }
}
