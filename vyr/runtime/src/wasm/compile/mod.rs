//! Compilation, where it can do no harm: in a child process with limits and a deadline.
//!
//! ```text
//! Compiler::compile ──stdin: wasm──► child (setrlimit, Cranelift) ──stdout: status, length, code or message──►
//! ```
//! An answer that is as long as it says is whole: nobody waits until the child has taken down its memory.

mod child;
mod error;
mod parent;

pub use child::{compile, compile_child_main};
pub use error::CompileError;
pub use parent::{Compiler, CompilerOptions, Haste};

/// First byte of the child's answer: native code follows.
const OK: u8 = 0;
/// First byte of the child's answer: why the Wasm is invalid follows.
const INVALID: u8 = 1;
/// First byte of the child's answer: why the child itself failed follows.
const FAILED: u8 = 2;
/// Goes before the answer of a child that nobody waits for: it dies with its parent from now on, so it may be stopped.
const READY: u8 = 3;
