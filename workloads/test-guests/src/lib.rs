//! Small guests that the tests of the fabric run: one behaviour each, no dependency, built both as a core
//! `wasm32-wasip1` module and as a `wasm32-wasip2` component.

use std::process::ExitCode;

/// The exit code of a guest that was called with wrong arguments.
pub const USAGE: u8 = 64;

/// Returns the `n`th argument as a number, or `default` when it is absent or no number.
pub fn number(n: usize, default: u64) -> u64 {
    std::env::args().nth(n).and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Prints how a guest is called and gives the exit code for that.
pub fn usage(text: &str) -> ExitCode {
    eprintln!("usage: {text}");
    ExitCode::from(USAGE)
}
