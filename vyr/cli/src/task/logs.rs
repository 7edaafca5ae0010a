use std::process::ExitCode;

use vyr_sdk::SdkError;

use super::gone;
use crate::{
    context::Context,
    error::CliError,
    run::{PassError, one},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task's id
    task: String,
    /// Print stderr instead of stdout
    #[arg(long)]
    stderr: bool,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result<ExitCode, CliError> {
    let stream = if args.stderr { "stderr" } else { "stdout" };
    let client = context.client()?;
    match one(&client, &args.task, stream, "stdout", tokio::io::stdout()).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(PassError::Node(error @ SdkError::Gone { .. })) => Err(gone(error, &args.task)),
        Err(PassError::Node(error)) => Err(error.into()),
        Err(PassError::Read(source)) => Err(CliError::NodeGone { task_id: args.task, source: source.into() }),
        Err(PassError::Write(stream, source)) => Err(CliError::Output { stream, source }),
    }
}
