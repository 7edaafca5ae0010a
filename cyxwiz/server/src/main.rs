//! The `cyxwiz-server` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    cyxwiz_server::cli::main()
}
