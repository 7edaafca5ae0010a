//! Instructions with their accounts, in the order that the program wants.
//!
//! [`Program`] knows one deployed program and derives its addresses. What moves money has one form for SOL and one
//! for tokens; which one is needed follows from the mint.

mod address;
mod config;
mod job;
mod money;

pub use address::Program;
pub use job::{Closed, Paid};
pub use money::Purse;

use alloc::vec::Vec;

use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction as Built};

use crate::Instruction;

fn built(program: &Program, accounts: Vec<AccountMeta>, instruction: &Instruction) -> Built {
    Built { program_id: program.id, accounts, data: instruction.encode() }
}

fn signer(address: Address) -> AccountMeta {
    AccountMeta::new_readonly(address, true)
}

fn paying(address: Address) -> AccountMeta {
    AccountMeta::new(address, true)
}

fn written(address: Address) -> AccountMeta {
    AccountMeta::new(address, false)
}

fn read(address: Address) -> AccountMeta {
    AccountMeta::new_readonly(address, false)
}
