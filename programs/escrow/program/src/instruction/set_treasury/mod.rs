//! Sets the treasury of escrows to come.

use pinocchio::{Address, ProgramResult};

use super::change::Change;
use crate::dispatch::Call;

#[inline(never)]
pub(crate) fn set_treasury(call: &mut Call<'_>, key: &Address) -> ProgramResult {
    let change = Change::check(call)?;
    let changed = change.config.set_treasury(change.signer, *key);
    change.store(changed, 4)
}
