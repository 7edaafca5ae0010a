//! Proof of a result: a Wasm job that declares determinism is run again, and its outputs are compared by digest.
//!
//! ```text
//! Rerun (program, inputs, environment, limits) ─► VYR, embedded, deterministic ─► Seen: ending, outputs by digest
//!                                                                    node's manifest ─► agrees?
//! ```
//! What the guest is given, folder by folder, stands in [`cyxwiz_model::rerun`]: the node runs by the same.

mod error;
mod outputs;
mod rerun;

use std::process::ExitCode;

pub use error::VerifyError;
pub use outputs::{Difference, Outputs, differences};
pub use rerun::{Ended, Rerun, Seen, Verifier};

/// Becomes the compiler where this process was started as one: call it first in `main`.
#[must_use]
pub fn compile_child() -> Option<ExitCode> {
    let asked = std::env::args_os().nth(1).is_some_and(|verb| verb == vyr_node::COMPILE_VERB);
    asked.then(|| vyr_runtime::wasm::compile_child_main(std::env::args_os().skip(2)))
}
