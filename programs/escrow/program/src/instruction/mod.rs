//! One folder an instruction: `accounts.rs` says what each account must be, `mod.rs` what then happens.

mod assign;
mod cancel;
mod close_balance;
mod configure;
mod deposit;
mod expire;
mod give_back;
mod init;
mod open;
mod refund;
mod settle;
mod top_up;
mod withdraw;

pub(crate) use assign::assign;
pub(crate) use cancel::cancel;
pub(crate) use close_balance::close_balance;
pub(crate) use configure::configure;
pub(crate) use deposit::deposit;
pub(crate) use expire::expire;
pub(crate) use init::init;
pub(crate) use open::open;
pub(crate) use refund::refund;
pub(crate) use settle::settle;
pub(crate) use top_up::top_up;
pub(crate) use withdraw::withdraw;

use cyxwiz_escrow_interface::policy::UnixTime;
use pinocchio::error::ProgramError;
use pinocchio::sysvars::Sysvar;
use pinocchio::sysvars::clock::Clock;

/// The chain's clock.
fn now() -> Result<UnixTime, ProgramError> {
    Ok(UnixTime(Clock::get()?.unix_timestamp))
}
