//! The named one becomes admin.

use pinocchio::ProgramResult;

use super::change::Change;
use crate::dispatch::Call;

#[inline(never)]
pub(crate) fn accept_admin(call: &mut Call<'_>) -> ProgramResult {
    let change = Change::check(call)?;
    let changed = change.config.accept_admin(change.signer);
    change.store(changed, 2)
}
