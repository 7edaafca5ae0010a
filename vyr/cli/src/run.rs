//! `vyr run`: put, submit and wait in one, with this process's own stdin, stdout and exit code.
//!
//! ```text
//! run ─┬─► embedded   this process: no node, or a terminal to read from
//!      └─► remote ─┬─ pass     the guest's streams, to their end
//!                  ├─ signals  Ctrl-C ends the task, too
//!                  └─ outdir   `/out` comes back beneath one folder
//! ```

mod embedded;
mod outdir;
mod pass;
mod remote;
mod signals;

pub(crate) use self::pass::{PassError, one};

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{
    context::Context,
    error::CliError,
    resources::ResourceArgs,
    terminal::{clean_lines, say},
};

#[derive(Args)]
pub(crate) struct Verb {
    /// Wasm file, folder of an OCI image layout, or digest of a stored artifact
    program: String,
    /// Run in this process, even when a node is running
    #[arg(long)]
    embedded: bool,
    /// Folder for what the guest writes to `/out`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    resources: ResourceArgs,
    /// Arguments for the guest
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    // a node takes its input whole; a terminal's, or a pipe's that stays open, goes to our own process
    let by_node = !verb.embedded
        && (context.names_node() || (!std::io::stdin().is_terminal() && remote::is_running(context)));
    if by_node { context.block_on(remote::run(verb, context)) } else { embedded::run(verb, context) }
}

/// What a shell sees of a program that a closed pipe ended.
const CLOSED_PIPE: u8 = 141;

/// Returns the end of a run whose output could not be written.
fn unwritten(stream: &'static str, source: std::io::Error) -> Result<ExitCode, CliError> {
    let error = CliError::Output { stream, source };
    if error.is_closed_pipe() { Ok(ExitCode::from(CLOSED_PIPE)) } else { Err(error) }
}

/// Says on stderr, which is else the guest's own, why it ended.
fn tell(why: &str) {
    say(format_args!("vyr: {}", clean_lines(why, "  ")));
}

/// Says which flag raises the limit of a name.
fn limit_reached(name: &str) -> String {
    let flag = match name {
        "stdout" | "stderr" | "output" => format!("{name}-limit"),
        other => other.replace('_', "-"),
    };
    format!("the limit of {name} was reached: raise it with --{flag}")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use vyr_model::LimitKind;

    use super::limit_reached;

    #[test]
    fn each_limit_names_a_flag_that_there_is() {
        let command = crate::args::Cli::command();
        let run = command.find_subcommand("run").unwrap();
        let kinds = [
            LimitKind::Memory,
            LimitKind::WallTime,
            LimitKind::CpuTime,
            LimitKind::Fuel,
            LimitKind::Stdout,
            LimitKind::Stderr,
            LimitKind::Output,
            LimitKind::Handles,
            LimitKind::HostCallBytes,
            LimitKind::HoldTime,
        ];
        for kind in kinds {
            let text = limit_reached(kind.as_str());
            let flag = text.split_once("--").unwrap().1;
            assert!(run.get_arguments().any(|arg| arg.get_long() == Some(flag)), "{flag}");
        }
    }
}
