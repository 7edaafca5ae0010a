//! `vyr run`: put, submit and wait in one, with this process's own stdin, stdout and exit code.

mod embedded;
mod remote;

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{context::Context, error::CliError, resources::ResourceArgs};

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
    let by_node = !verb.embedded && !std::io::stdin().is_terminal() && remote::is_running(context);
    if by_node { context.block_on(remote::run(verb, context)) } else { embedded::run(verb, context) }
}
