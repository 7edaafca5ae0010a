//! The admin's changes, and the next admin's acceptance. None of them moves money.

mod accounts;

use cyxwiz_escrow_interface::{ConfigAccount, EscrowError, Event, Instruction};
use pinocchio::ProgramResult;

use crate::account::store_config;
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::{fail, refused};

#[inline(never)]
pub(crate) fn configure(call: &mut Call<'_>, instruction: &Instruction) -> ProgramResult {
    let accounts = accounts::Accounts::check(call, instruction)?;
    let (old, signer) = (&accounts.account.config, accounts.signer);
    let (by, changed) = match instruction {
        Instruction::ProposeAdmin(next) => (1, old.propose_admin(signer, *next)),
        Instruction::AcceptAdmin => (2, old.accept_admin(signer)),
        Instruction::SetSettleKey { key, revoke } => (3, old.set_settle_key(signer, *key, *revoke)),
        Instruction::SetTreasury(key) => (4, old.set_treasury(signer, *key)),
        Instruction::SetFee(fee) => (5, old.set_fee(signer, *fee)),
        Instruction::SetMint { allowed } => (6, old.set_mint(signer, accounts.mint, *allowed)),
        Instruction::SetPaused(paused) => (7, old.set_paused(signer, *paused)),
        _ => return Err(fail(EscrowError::UnknownInstruction)),
    };
    let config = changed.map_err(refused)?;
    store_config(accounts.view, &ConfigAccount { bump: accounts.account.bump, config })?;
    emit(&Event::ConfigChanged { version: config.version, by });
    Ok(())
}
