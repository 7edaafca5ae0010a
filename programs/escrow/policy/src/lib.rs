//! The rules of the escrow, pure: no accounts, no clock, no I/O. The program on the chain and the tests on the
//! host run this same code.
//!
//! ```text
//! Balance: free ──open, top_up──► locked ──settle──► payee + treasury, the rest back to free
//!            ▲                      └────refund, cancel, expire────► free
//!         deposit / withdraw
//!
//! Escrow:  Open ──assign(epoch)──► Assigned ──assign(higher epoch)──► Assigned
//!            │ cancel, refund, expire   │ settle, refund, expire
//!            └────────► closed ◄────────┘
//! ```
//!
//! `K` is the kind of key that names a person: an address on the chain, a small number in a test.

#![no_std]

#[cfg(test)]
extern crate std;

mod amount;
mod balance;
mod config;
mod escrow;
mod refusal;
mod split;
mod time;

pub use amount::Amount;
pub use balance::Balance;
pub use config::{Config, ConfigVersion, MAX_MINTS, Mints};
pub use escrow::{Charge, Closing, Epoch, Escrow, JobId, Order, Settlement, Stage};
pub use refusal::Refusal;
pub use split::{BasisPoints, MAX_FEE, Split};
pub use time::{MAX_LIFE, MIN_LIFE, UnixTime};
