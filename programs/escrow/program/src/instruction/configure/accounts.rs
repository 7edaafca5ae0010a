use cyxwiz_escrow_interface::{ConfigAccount, Instruction, NATIVE};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address};

use crate::account::{exactly, load_config, mint, signed, writable};
use crate::dispatch::Call;

/// The accounts of a change to the configuration.
pub(super) struct Accounts<'a> {
    /// Who signed.
    pub(super) signer: Address,
    /// The configuration's account.
    pub(super) view: &'a mut AccountView,
    /// What stands in it.
    pub(super) account: ConfigAccount,
    /// The mint that is put on the list or taken off.
    pub(super) mint: Address,
}

impl<'a> Accounts<'a> {
    pub(super) fn check(call: &'a mut Call<'_>, instruction: &Instruction) -> Result<Self, ProgramError> {
        let (signer, view, listed) = if let Instruction::SetMint { .. } = instruction {
            let [signer, view, mint] = exactly(call.accounts)?;
            (signer, view, Some(mint))
        } else {
            let [signer, view] = exactly(call.accounts)?;
            (signer, view, None)
        };
        signed(signer)?;
        writable(view)?;
        let account = load_config(view, call.program)?;
        let mint = match (listed, instruction) {
            (Some(view), Instruction::SetMint { allowed }) => {
                // What is taken off may be gone; what is put on must be a mint.
                if *allowed && *view.address() != NATIVE {
                    mint(view)?;
                }
                *view.address()
            }
            _ => NATIVE,
        };
        Ok(Self { signer: *signer.address(), view, account, mint })
    }
}
