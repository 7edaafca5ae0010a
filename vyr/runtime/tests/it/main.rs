//! Runs real guests: those of the `workloads` folder where they are built, and hand-written WAT.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, in its helpers too"
)]

mod basics;
mod cancel;
mod compile;
mod courtesy;
mod determinism;
mod full;
mod grants;
mod hostile;
mod http;
mod keyvalue;
mod limits;
mod link;
mod pool;
mod stdio;
mod support;
