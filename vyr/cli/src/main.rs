//! The `vyr` command: the node, and everything one does with it.
//!
//! ```text
//! main ─► Cli (clap) ─► one module a verb ─► vyr-sdk (a running node)
//!                                         └► vyr-store (artifact sign, ls, gc; keys)
//! ```
//! Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 the node or the task failed,
//! 2 the command line is wrong, 3 no node answers; `run` and `task wait` give the guest's own,
//! and `run` that of a signal that ended it (130, 143; 141 for a closed pipe).

mod args;
mod artifact;
mod bench;
mod context;
mod doctor;
mod error;
mod folders;
mod key;
mod metrics;
mod node;
mod output;
mod resources;
mod run;
mod state;
mod task;
mod terminal;
mod traces;
mod usage;

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::{
    args::{Cli, Command},
    context::Context,
    error::CliError,
};

fn main() -> ExitCode {
    // the compile child: this binary again, before anything else is set up
    if std::env::args_os().nth(1).is_some_and(|verb| verb == vyr_node::COMPILE_VERB) {
        return vyr_runtime::wasm::compile_child_main(std::env::args_os().skip(2));
    }
    let cli = match usage::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let context = Context::new(&cli.global);
    match dispatch(cli.command, &context) {
        Ok(code) => code,
        Err(error) => error.report(&context),
    }
}

fn dispatch(command: Command, context: &Context) -> Result<ExitCode, CliError> {
    match command {
        Command::Node(verb) => node::run(verb, context),
        Command::Run(verb) => run::run(verb, context),
        Command::Artifact(verb) => artifact::run(verb, context),
        Command::Key(verb) => key::run(verb, context),
        Command::Task(verb) => context.block_on(task::run(verb, context)),
        Command::State(verb) => context.block_on(state::run(verb, context)),
        Command::Traces(verb) => context.block_on(traces::run(verb, context)),
        Command::Metrics(verb) => context.block_on(metrics::run(verb, context)),
        Command::Bench(verb) => context.block_on(bench::run(verb, context)),
        Command::Doctor(verb) => doctor::run(&verb, context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "vyr", &mut script);
            output::bytes(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
