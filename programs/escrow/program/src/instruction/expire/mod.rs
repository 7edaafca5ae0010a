//! The deadline gives everything back. Anybody may send it: a platform that vanished cannot keep the money.

use cyxwiz_escrow_interface::policy::Closing;
use pinocchio::ProgramResult;

use super::give_back::Closed;
use super::now;
use crate::account::exactly;
use crate::dispatch::Call;
use crate::fail::refused;

#[inline(never)]
pub(crate) fn expire(call: &mut Call<'_>) -> ProgramResult {
    let [balance, escrow, rent_payer] = exactly(call.accounts)?;
    let closed = Closed::check([balance, escrow, rent_payer], call.program)?;
    let balance = closed.account.escrow.expire(&closed.books.balance, now()?);
    closed.end(balance.map_err(refused)?, Closing::Expire)
}
