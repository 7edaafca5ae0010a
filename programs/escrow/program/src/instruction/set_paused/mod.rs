//! Stops or resumes deposits and opens; nothing else can be stopped.

use pinocchio::ProgramResult;

use super::change::Change;
use crate::dispatch::Call;

#[inline(never)]
pub(crate) fn set_paused(call: &mut Call<'_>, paused: bool) -> ProgramResult {
    let change = Change::check(call)?;
    let changed = change.config.set_paused(change.signer, paused);
    change.store(changed, 7)
}
