use cyxwiz_escrow_interface::NATIVE;
use pinocchio::Address;
use pinocchio::error::ProgramError;

use crate::account::{exactly, mint};
use crate::dispatch::Call;
use crate::instruction::change::Change;

/// The change, and the mint that it is about.
#[inline(always)]
pub(super) fn check<'a>(
    call: &'a mut Call<'_>,
    allowed: bool,
) -> Result<(Change<'a>, Address), ProgramError> {
    let [signer, view, listed] = exactly(call.accounts)?;
    let change = Change::of(signer, view, call.program)?;
    // What is taken off may be gone; what is put on must be a mint.
    if allowed && *listed.address() != NATIVE {
        mint(listed)?;
    }
    Ok((change, *listed.address()))
}
