//! The buyer takes everything back.

use cyxwiz_escrow_interface::policy::Closing;
use pinocchio::ProgramResult;

use super::give_back::Closed;
use crate::account::{exactly, load_config, signed};
use crate::dispatch::Call;
use crate::fail::refused;

#[inline(never)]
pub(crate) fn cancel(call: &mut Call<'_>) -> ProgramResult {
    let [signer, config, balance, escrow, rent_payer] = exactly(call.accounts)?;
    signed(signer)?;
    let config = load_config(config, call.program)?;
    let closed = Closed::check([balance, escrow, rent_payer], call.program)?;
    let books = &closed.books.balance;
    let balance = closed.account.escrow.cancel(&config.config, books, *signer.address());
    closed.end(balance.map_err(refused)?, Closing::Cancel)
}
