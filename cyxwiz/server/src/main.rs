//! The `cyxwiz-server` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    // the compiler of foreign programs is this binary again, in a process with limits
    if let Some(code) = cyxwiz_verify::compile_child() {
        return code;
    }
    cyxwiz_server::verify::enable();
    cyxwiz_server::cli::main()
}
