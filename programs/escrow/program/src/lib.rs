//! The escrow program.
//!
//! ```text
//! entry ─► dispatch ─► instruction/NAME ─► account (is it what it claims to be?)
//!                          │             ─► policy  (is it allowed? who gets what?)
//!                          │             ─► money   (transfers by other programs, then lamports, then closing)
//!                          └► account::store, event
//! ```
//!
//! What is asked of each account stands in `instruction/NAME/accounts.rs`; the rules are those of the policy crate.

#![cfg_attr(any(target_os = "solana", target_arch = "bpf"), no_std)]

mod account;
mod dispatch;
mod entry;
mod event;
mod fail;
mod instruction;
mod money;

pub use dispatch::dispatch;
