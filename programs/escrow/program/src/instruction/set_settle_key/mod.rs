//! Sets the settle key of escrows to come, and can take it away from those that are there.

use pinocchio::{Address, ProgramResult};

use super::change::Change;
use crate::dispatch::Call;

#[inline(never)]
pub(crate) fn set_settle_key(call: &mut Call<'_>, key: &Address, revoke: bool) -> ProgramResult {
    let change = Change::check(call)?;
    let changed = change.config.set_settle_key(change.signer, *key, revoke);
    change.store(changed, 3)
}
