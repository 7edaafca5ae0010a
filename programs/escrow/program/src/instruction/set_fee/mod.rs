//! Sets the fee of escrows to come.

use cyxwiz_escrow_interface::policy::BasisPoints;
use pinocchio::ProgramResult;

use super::change::Change;
use crate::dispatch::Call;

#[inline(never)]
pub(crate) fn set_fee(call: &mut Call<'_>, fee: BasisPoints) -> ProgramResult {
    let change = Change::check(call)?;
    let changed = change.config.set_fee(change.signer, fee);
    change.store(changed, 5)
}
