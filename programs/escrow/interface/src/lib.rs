//! What the escrow program and its clients agree on, written down once: the program decodes with the code that
//! the clients encode with.
//!
//! ```text
//! client ── build::* ──► Instruction ── bytes ──► program ──► Config, Balance, Escrow ── bytes ──► client
//!                                                   ├─ Event in the log
//!                                                   └─ EscrowError as a number
//! ```
//!
//! `README.md` of the program has the same as tables.

#![no_std]

#[cfg(feature = "client")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod account;
mod error;
mod event;
mod instruction;
pub mod seeds;
mod wire;

#[cfg(feature = "client")]
pub mod build;

pub use account::{BalanceAccount, ConfigAccount, EscrowAccount};
pub use cyxwiz_escrow_policy as policy;
pub use error::EscrowError;
pub use event::{Event, MAX_EVENT};
pub use instruction::Instruction;
pub use solana_address::Address;
pub use wire::LayoutError;

/// The classic SPL Token program. Token-2022 is refused: its extensions can take a fee of a transfer, freeze or
/// claw back, so that a vault could hold less than its books say.
pub const TOKEN_PROGRAM: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

/// The system program; as a mint it stands for native SOL.
pub const SYSTEM_PROGRAM: Address = Address::new_from_array([0; 32]);

/// The mint that stands for native SOL.
pub const NATIVE: Address = SYSTEM_PROGRAM;

/// The loader whose record of this program names the upgrade authority.
pub const LOADER: Address = Address::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
