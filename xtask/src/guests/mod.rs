//! The guest programs: Rust compiled to Wasm, kept in the cache, never committed.
//!
//! ```text
//! route ─► native: rustup has, or can fetch, the Wasm targets
//!      └─► debian: Debian's compiler and Wasm libraries, unpacked into the cache, rustup's linkers
//! each ─► both, one beside the other: what either makes runs, and says the same
//! build ─► cargo in workloads/, once a target ─► <cache>/guests/NAME.wasm, NAME.p1.wasm
//! ```

mod build;
mod debian;
mod each;
mod route;

pub(crate) use build::{build, generator};
pub(crate) use each::check as check_routes;
