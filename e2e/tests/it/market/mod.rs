//! Paid jobs from submit to settlement: a real PostgreSQL, chain, container engine, and the three real binaries.
//!
//! The cast is `e2e::market`.

mod abuse;
mod dispute;
mod endings;
mod faults;
mod full;
mod index;
mod input;
mod live;
mod money;
mod registry;
mod s3;
mod story;
mod trace;
mod upload;
mod wasm;
