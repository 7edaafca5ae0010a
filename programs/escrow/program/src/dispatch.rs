use cyxwiz_escrow_interface::Instruction;
use pinocchio::{AccountView, Address, ProgramResult};

use crate::fail::bad_data;
use crate::instruction as run;

/// What an instruction is run with.
pub(crate) struct Call<'a> {
    /// The address of this program.
    pub(crate) program: &'a Address,
    /// The accounts, unchecked.
    pub(crate) accounts: &'a mut [AccountView],
}

/// Runs one instruction.
///
/// # Errors
/// A number of [`cyxwiz_escrow_interface::EscrowError`], or what a program that was called has to say.
///
/// Inlined because the chain's processor passes five arguments, and this has six with the place of its result.
#[inline(always)]
pub fn dispatch(program: &Address, accounts: &mut [AccountView], data: &[u8]) -> ProgramResult {
    let instruction = Instruction::decode(data).map_err(bad_data)?;
    run_one(&mut Call { program, accounts }, &instruction)
}

#[inline(never)]
fn run_one(call: &mut Call<'_>, instruction: &Instruction) -> ProgramResult {
    match instruction {
        Instruction::Init { .. } => run::init(call, instruction),
        Instruction::ProposeAdmin(next) => run::propose_admin(call, next),
        Instruction::AcceptAdmin => run::accept_admin(call),
        Instruction::SetSettleKey { key, revoke } => run::set_settle_key(call, key, *revoke),
        Instruction::SetTreasury(key) => run::set_treasury(call, key),
        Instruction::SetFee(fee) => run::set_fee(call, *fee),
        Instruction::SetMint { allowed } => run::set_mint(call, *allowed),
        Instruction::SetPaused(paused) => run::set_paused(call, *paused),
        Instruction::Deposit(amount) => run::deposit(call, *amount),
        Instruction::Withdraw(amount) => run::withdraw(call, *amount),
        Instruction::CloseBalance => run::close_balance(call),
        Instruction::Open(order) => run::open(call, order),
        Instruction::Assign { payee, epoch } => run::assign(call, payee, *epoch),
        Instruction::TopUp(amount) => run::top_up(call, *amount),
        Instruction::Settle(charge) => run::settle(call, charge),
        Instruction::Refund => run::refund(call),
        Instruction::Cancel => run::cancel(call),
        Instruction::Expire => run::expire(call),
    }
}
