//! The settle key gives everything back.

use cyxwiz_escrow_interface::policy::Closing;
use pinocchio::ProgramResult;

use super::give_back::Closed;
use crate::account::{exactly, signed};
use crate::dispatch::Call;
use crate::fail::refused;

#[inline(never)]
pub(crate) fn refund(call: &mut Call<'_>) -> ProgramResult {
    let [signer, balance, escrow, rent_payer] = exactly(call.accounts)?;
    signed(signer)?;
    let closed = Closed::check([balance, escrow, rent_payer], call.program)?;
    let balance = closed.account.escrow.refund(&closed.books.balance, *signer.address());
    closed.end(balance.map_err(refused)?, Closing::Refund)
}
