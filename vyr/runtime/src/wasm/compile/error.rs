use std::{io, time::Duration};

use vyr_model::Failure;

/// Wasm could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The bytes are no Wasm component or core module.
    #[error(
        "the file is no Wasm component and no core module: it begins with none of their preambles (was it built for a \
         `wasm32-wasip1` or `wasm32-wasip2` target?)"
    )]
    NotWasm,
    /// The Wasm does not validate.
    #[error("the Wasm is invalid: {0}")]
    Invalid(String),
    /// The compiler ran out of memory.
    #[error("the compiler needed more than {limit} bytes of memory: split the program's largest functions")]
    Memory {
        /// What it may use.
        limit: u64,
    },
    /// The compiler took too long.
    #[error("the compiler took longer than {} s: split the program's largest functions", limit.as_secs())]
    Deadline {
        /// The time it may take.
        limit: Duration,
    },
    /// The native code is too large.
    #[error("the compiled code is larger than {limit} bytes")]
    Output {
        /// What it may be at most.
        limit: u64,
    },
    /// The compiler crashed.
    #[error("the compiler crashed ({0}): the program is too complex for it")]
    Crashed(String),
    /// The child process could not do its work.
    #[error("failed to {action} the compiler's process")]
    Process {
        /// What failed.
        action: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl CompileError {
    /// Returns the terminal reason of a task whose program does not compile.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Process { source, .. } => Failure::Internal(format!("{self}: {source}")),
            _ => Failure::Link(self.to_string()),
        }
    }
}
