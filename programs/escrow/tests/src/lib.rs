//! A small chain with the built escrow program on it, for the tests.
//!
//! ```text
//! World (LiteSVM, the ELF, a mint, Cast) ── act: good instructions ──► send ──► Receipt | Failure
//!       └─ ledger: every lamport and token that matters, before and after
//! ```

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its assumption does"
)]

mod act;
mod cast;
mod ledger;
mod send;
mod tokens;
mod world;

pub use act::Money;
pub use cast::Cast;
pub use ledger::Ledger;
pub use send::{Failure, Receipt, Sent};
pub use tokens::{mint_data, token_data};
pub use world::{DEPOSIT, LIFE, START, World};
