//! The `cyxwiz` command: what a buyer does with the market.
//!
//! ```text
//! main ─► Cli (clap) ─► one module a verb ─► cyxwiz-chain (wallet, escrow)
//! ```
//! Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 refused or failed, 2 the command line is wrong,
//! 3 nothing answers.

mod args;
mod context;
mod error;
mod output;
mod pending;
mod wallet;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::CliError;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::new(cli.global);
    match run(cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(context.json()),
    }
}

fn run(command: Command, context: &Context) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Wallet(verb) => runtime.block_on(wallet::run(verb, context)),
    }
}
