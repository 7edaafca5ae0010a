//! The compile child alone, for tests and for embedders without a subcommand of their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    vyr_runtime::wasm::compile_child_main(std::env::args_os().skip(1))
}
