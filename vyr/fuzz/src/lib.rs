//! What the fuzzer runs: one function for everything that reads bytes from outside.
//!
//! ```text
//! fuzz/fuzz_targets (nightly, sanitizers) ──┐
//!                                           ├──► run(data) of each module: decode, then assert what must hold
//! tests/it (stable, fuzz/corpus) ───────────┘
//! ```
//!
//! A panic is a finding: a crash under the fuzzer, a failed test over the corpus.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a target ends where what must hold does not"
)]

pub mod control;
pub mod layout;
pub mod manifest;
pub mod record_frame;
pub mod record_open;
pub mod trace_filter;
