//! Wasm on wasmtime: components (`wasi:cli/run@0.2`) and core `wasm32-wasip1` modules.
//!
//! ```text
//! wasm ──► Compiler ──(child process, rlimits, deadline)──► native code
//!                                                            │ kept and authenticated by the store
//! Runtime::load ◄────────────────────────────────────────────┘
//!    │ Program: linked once, instantiated often
//!    ▼
//! Runtime::run ─► Host { WASI, grants, states, sinks } ─► guarded execution ─► RunOutcome
//!                                                            ▲
//! Cancel + Runtime::kick, the ticker, the limits ────────────┘
//! ```
//!
//! A guest reaches nothing of the host but what its request grants. What ended it is always one of the
//! [`vyr_model::Terminal`] reasons; a guest never brings its neighbours or the node down.

mod compile;
mod determinism;
mod engine;
mod error;
mod fs;
mod guard;
mod host;
mod http;
mod keyvalue;
mod linker;
mod memory;
mod outcome;
mod preview1;
mod program;
mod quota;
mod run;
mod runtime;
mod stdin;
mod stdout;
mod ticker;
mod watch;

pub use compile::{CompileError, Compiler, CompilerOptions, Haste, compile, compile_child_main};
pub use engine::{Level, Metering, RuntimeError, RuntimeOptions};
pub use program::{LoadError, Program, ProgramKind};
pub use runtime::Runtime;
pub(crate) use ticker::Hurried;
