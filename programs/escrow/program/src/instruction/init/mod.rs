//! Creates the configuration. Nobody but the program's upgrade authority can, so nobody can be faster.

mod accounts;

use cyxwiz_escrow_interface::policy::Config;
use cyxwiz_escrow_interface::{ConfigAccount, EscrowError, Event, Instruction};
use pinocchio::ProgramResult;

use crate::account::store_config;
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::{fail, refused};

#[inline(never)]
pub(crate) fn init(call: &mut Call<'_>, instruction: &Instruction) -> ProgramResult {
    let Instruction::Init { admin, settle_key, treasury, fee } = instruction else {
        return Err(fail(EscrowError::UnknownInstruction));
    };
    let config = Config::new(*admin, *settle_key, *treasury, *fee).map_err(refused)?;
    let (view, bump) = accounts::create_config(call)?;
    store_config(view, &ConfigAccount { bump, config })?;
    emit(&Event::ConfigChanged { version: config.version, by: 0 });
    Ok(())
}
