//! Paid jobs from submit to settlement: a real PostgreSQL, chain, container engine, and the three real binaries.
//!
//! ```text
//! Platform ─► Devnet (chain, program, wallets) · Server (cyxwiz-server, its own PostgreSQL)
//!    ├─► Seller (cyxwiz-node, a VYR node within, containers)
//!    └─► Buyer  (cyxwiz, a keypair, a folder that is its home)
//! ```

mod buyer;
#[path = "../../../../cyxwiz/chain/tests/it/support/devnet.rs"]
#[expect(dead_code, reason = "the chain's own tests use more of it")]
mod devnet;
mod endings;
mod faults;
mod full;
mod index;
mod input;
mod jobs;
mod money;
mod platform;
mod process;
mod registry;
mod seller;
mod story;
mod wasm;
