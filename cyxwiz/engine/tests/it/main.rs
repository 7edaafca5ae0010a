//! The `cyxwiz` command against a market that the tests script, on a real local chain. `./x test` says where the
//! chain's binary is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where its assumption does"
)]

mod clock;
mod mistakes;
mod results;
mod session;
mod submit;
mod support;
#[cfg(unix)]
mod terminal;
mod watch;
