//! Puts a mint on the list or takes it off.

mod accounts;

use pinocchio::ProgramResult;

use crate::dispatch::Call;

#[inline(never)]
pub(crate) fn set_mint(call: &mut Call<'_>, allowed: bool) -> ProgramResult {
    let (change, mint) = accounts::check(call, allowed)?;
    let changed = change.config.set_mint(change.signer, mint, allowed);
    change.store(changed, 6)
}
