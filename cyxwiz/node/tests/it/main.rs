//! The real binary with its embedded VYR node, against a scripted server that speaks the real protocol.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it means by failing"
)]

mod cli;
mod containers;
mod faults;
mod files;
mod guest;
mod market;
#[path = "../../../../e2e/src/market/mounts.rs"]
mod mounts;
mod node;
mod restart;
mod rpc;
mod systemd;
mod tls;
mod wasm;
