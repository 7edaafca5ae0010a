//! The market on one machine: a real PostgreSQL, chain, container engine, and the three real binaries.
//!
//! ```text
//! Platform ─► Devnet (chain, program, wallets) · Server (cyxwiz-server, its own PostgreSQL)
//!    ├─► Seller (cyxwiz-node, a VYR node within, containers)
//!    └─► Buyer  (cyxwiz, a keypair, a folder that is its home)
//! ```

mod buyer;
mod cluster;
#[path = "../../../cyxwiz/chain/tests/it/support/devnet.rs"]
#[expect(dead_code, reason = "the chain's own tests use more of it")]
mod devnet;
pub mod jobs;
mod mounts;
mod platform;
mod process;
mod seller;

pub use buyer::{Buyer, units, why};
pub use platform::{Closed, Platform, Postgres, SLOT_MS, Server, Setup};
pub use process::Process;
pub use seller::Seller;

/// A port of this machine that nobody listens on.
#[must_use]
pub fn free_port() -> u16 {
    devnet::free_port()
}
