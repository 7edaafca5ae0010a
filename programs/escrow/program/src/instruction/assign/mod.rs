//! Names who will be paid for a job.

mod accounts;

use cyxwiz_escrow_interface::policy::Epoch;
use cyxwiz_escrow_interface::{EscrowAccount, Event};
use pinocchio::{Address, ProgramResult};

use super::now;
use crate::account::store_escrow;
use crate::dispatch::Call;
use crate::event::emit;
use crate::fail::refused;

#[inline(never)]
pub(crate) fn assign(call: &mut Call<'_>, payee: &Address, epoch: Epoch) -> ProgramResult {
    let accounts = accounts::Accounts::check(call)?;
    let (config, account) = (&accounts.config.config, &accounts.account);
    let assigned = account.escrow.assign(config, accounts.signer, (*payee, epoch), now()?);
    let escrow = assigned.map_err(refused)?;
    store_escrow(accounts.view, &EscrowAccount { escrow, ..*account })?;
    emit(&Event::Assigned { buyer: escrow.buyer, job: escrow.job, payee: *payee, epoch });
    Ok(())
}
