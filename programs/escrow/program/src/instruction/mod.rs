//! One folder an instruction: `accounts.rs` says what each account must be, `mod.rs` what then happens. What several
//! have in common stands beside them: `change` (the admin's seven), `give_back` (the three that end a job unpaid).

mod accept_admin;
mod assign;
mod cancel;
mod change;
mod close_balance;
mod deposit;
mod expire;
mod give_back;
mod init;
mod open;
mod propose_admin;
mod refund;
mod set_fee;
mod set_mint;
mod set_paused;
mod set_settle_key;
mod set_treasury;
mod settle;
mod top_up;
mod withdraw;

pub(crate) use accept_admin::accept_admin;
pub(crate) use assign::assign;
pub(crate) use cancel::cancel;
pub(crate) use close_balance::close_balance;
pub(crate) use deposit::deposit;
pub(crate) use expire::expire;
pub(crate) use init::init;
pub(crate) use open::open;
pub(crate) use propose_admin::propose_admin;
pub(crate) use refund::refund;
pub(crate) use set_fee::set_fee;
pub(crate) use set_mint::set_mint;
pub(crate) use set_paused::set_paused;
pub(crate) use set_settle_key::set_settle_key;
pub(crate) use set_treasury::set_treasury;
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
