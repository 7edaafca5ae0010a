//! The `cyxwiz-node` command: what a provider does with the market, and the agent that does the work.
//!
//! ```text
//! main ─► Cli (clap) ─► cli: one module a verb ─► agent ─┬─ server   (Connect, SIWS)
//!                                                        ├─ attempt  (one job) ─► fabric (embedded VYR node)
//!                                                        └─ journal  (SQLite)
//! ```
//! Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 refused or failed, 2 the command line or the
//! configuration is wrong, 3 nothing answers.

mod agent;
mod args;
mod attempt;
mod availability;
mod backoff;
mod cli;
mod clock;
mod config;
mod containers;
mod ending;
mod error;
mod fabric;
mod files;
mod home;
mod identity;
mod job;
mod journal;
mod machine;
mod output;
mod packages;
mod server;
mod trace;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Format};

fn main() -> ExitCode {
    // VYR's compile child: this binary again, before anything else is set up
    if std::env::args_os().nth(1).is_some_and(|verb| verb == vyr_node::COMPILE_VERB) {
        return vyr_runtime::wasm::compile_child_main(std::env::args_os().skip(2));
    }
    let cli = Cli::parse();
    let json = cli.global.output == Format::Json;
    match cli::dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(json),
    }
}
