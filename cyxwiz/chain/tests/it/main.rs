//! The client and the `cyxwiz wallet` command against a real local chain. `./x test` says where its binary is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where its assumption does"
)]

mod cli;
mod flow;
mod localnet;
mod restart;
mod send;
mod support;
mod watch;
mod witness;
