//! A VYR node: the supervisor of tasks, the Control API v0 and the content plane.
//!
//! ```text
//! listen ─► guard ─┬─► rpc      seven calls    ─┐
//!                  └─► content  blobs, streams ─┴─► supervisor ─► executor ─► vyr-runtime
//!                                                      │  │  └─► vyr-state
//!                                                      │  └────► vyr-store
//!                                                      └───────► vyr-telemetry: record, hub, OTLP
//! ```
//! [`Node`] is options → service → `run(shutdown)`. Guests execute on threads of their own.

mod artifacts;
mod content;
mod embedded;
mod error;
mod executor;
mod export;
mod home;
mod keys;
mod listen;
mod meters;
mod node;
mod options;
mod outdir;
mod output;
mod refusal;
mod rpc;
mod streams;
mod supervisor;
mod tasks;
mod threads;
mod tracer;

pub use embedded::Embedded;
pub use error::NodeError;
pub use executor::{Executor, Prepared};
pub use home::Home;
pub use meters::Meters;
pub use node::{Addresses, Node};
pub use options::{NodeOptions, TlsFiles};
pub use refusal::Refusal;
pub use tracer::Tracer;

/// The hidden verb with which the binary starts itself as the compile child.
pub const COMPILE_VERB: &str = "__compile";
