use std::process::ExitCode;

use tokio::io::AsyncWriteExt as _;

use crate::{context::Context, error::CliError};

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
    let mut reader = context.client()?.follow_output(&args.task, stream).await?;
    let mut out = tokio::io::stdout();
    tokio::io::copy(&mut reader, &mut out).await?;
    out.flush().await?;
    Ok(ExitCode::SUCCESS)
}
