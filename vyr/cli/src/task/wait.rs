use std::process::ExitCode;

use vyr_sdk::control::{FailureKind, TaskState, TaskStatus};

use crate::{context::Context, error::CliError, output};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task's id
    task: String,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result<ExitCode, CliError> {
    let status = context.client()?.wait(&args.task).await?;
    if context.json() {
        output::json(&status)?;
    } else {
        let why = output::failure(&status);
        let separator = if why.is_empty() { "" } else { ": " };
        output::line(format_args!("{}: {}{separator}{why}", status.task_id, output::state(&status)))?;
    }
    Ok(exit_code(&status))
}

/// Returns the guest's own exit code; 1 where it has none but did not succeed.
pub(crate) fn exit_code(status: &TaskStatus) -> ExitCode {
    if status.state.as_known() == Some(TaskState::Succeeded) {
        return ExitCode::SUCCESS;
    }
    match status.failure.as_known() {
        // as a shell does: the low eight bits
        Some(FailureKind::Exit) => {
            let code = status.exit_code.to_le_bytes().first().copied().unwrap_or(1);
            ExitCode::from(if code == 0 { 1 } else { code })
        }
        Some(FailureKind::Trap) => ExitCode::from(134),
        _ => ExitCode::FAILURE,
    }
}
