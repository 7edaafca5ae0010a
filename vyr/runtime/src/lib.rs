//! Runs one task's program: Wasm on wasmtime, or a container by an OCI runtime.
//!
//! ```text
//! RunRequest { args, grants, limits, stdin, sinks, cancel }
//!        │
//!        ├──► wasm::Runtime ── compile child ─► load ─► instantiate ─► execute
//!        └──► oci::Runtime  ── unpack ─► bundle ─► runc run
//!        ▼
//! RunOutcome { terminal, times, cpu }
//! ```

mod courtesy;
pub mod oci;
mod request;
pub mod schedule;
mod used;
pub mod wasm;

pub use courtesy::{Courtesy, Short};
pub use request::{Cancel, OutputSink, RunOutcome, RunRequest, SinkError, Stdin};
pub use used::Used;
