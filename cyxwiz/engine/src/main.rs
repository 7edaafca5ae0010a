//! The `cyxwiz` command: what a buyer does with the market.
//!
//! ```text
//! main ─► Cli (clap) ─► one module a verb ─┬─► cyxwiz-chain  wallet, escrow
//!                                          ├─► server        the market: calls, uploads, downloads
//!                                          └─► folder        a job on disk
//! ```
//! Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 refused or failed, 2 the command line is wrong,
//! 3 nothing answers,
//! 10 the job failed by its own fault, 11 by the node's or the platform's, 12 it was stopped before its end,
//! 130 interrupted (a job goes on).

#[macro_use]
mod output;

mod args;
mod ask;
mod cancel;
mod context;
mod dispute;
mod error;
mod estimate;
mod folder;
mod jobs;
mod login;
mod logout;
mod pending;
mod results;
mod server;
mod sessions;
mod show;
mod shown;
mod submit;
mod wallet;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::CliError;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::new(cli.global);
    match run(cli.command, &context) {
        Ok(code) => code,
        Err(error) => error.report(context.json()),
    }
}

fn run(command: Command, context: &Context) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = |()| ExitCode::SUCCESS;
    match command {
        Command::Wallet(verb) => runtime.block_on(wallet::run(verb, context)).map(done),
        Command::Login(verb) => runtime.block_on(login::run(verb, context)).map(done),
        Command::Logout(verb) => runtime.block_on(logout::run(verb, context)).map(done),
        Command::Sessions(verb) => runtime.block_on(sessions::run(verb, context)).map(done),
        Command::Estimate(verb) => runtime.block_on(estimate::run(verb, context)).map(done),
        Command::Submit(verb) => runtime.block_on(submit::run(verb, context)),
        Command::Watch(verb) => runtime.block_on(watch::run(verb, context)),
        Command::Jobs(verb) => runtime.block_on(jobs::run(verb, context)).map(done),
        Command::Show(verb) => runtime.block_on(show::run(verb, context)).map(done),
        Command::Results(verb) => runtime.block_on(results::run(verb, context)).map(done),
        Command::Cancel(verb) => runtime.block_on(cancel::run(verb, context)).map(done),
        Command::Dispute(verb) => runtime.block_on(dispute::run(verb, context)).map(done),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "cyxwiz", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
