//! Names the next admin, who must accept.

use pinocchio::{Address, ProgramResult};

use super::change::Change;
use crate::dispatch::Call;

#[inline(never)]
pub(crate) fn propose_admin(call: &mut Call<'_>, next: &Address) -> ProgramResult {
    let change = Change::check(call)?;
    let changed = change.config.propose_admin(change.signer, *next);
    change.store(changed, 1)
}
