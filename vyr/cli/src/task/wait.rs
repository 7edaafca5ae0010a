use std::process::ExitCode;

use vyr_sdk::{
    SdkError,
    control::{FailureKind, TaskState, TaskStatus},
};

use crate::{context::Context, error::CliError, output, terminal::clean};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task's id
    task: String,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result<ExitCode, CliError> {
    let status = context.client()?.wait(&args.task).await.map_err(|error| match error {
        // told from a node that never answered
        error @ SdkError::Gone { .. } => gone(error, &args.task),
        error => error.into(),
    })?;
    if context.json() {
        output::json(&status)?;
    } else {
        let why = output::failure(&status);
        let why = clean(&why);
        let separator = if why.is_empty() { "" } else { ": " };
        output::line(format_args!("{}: {}{separator}{why}", status.task_id, output::state(&status)))?;
    }
    Ok(exit_code(&status))
}

/// Tells that the node went away while it had a task; other errors stay what they are.
pub(crate) fn gone(error: SdkError, task_id: &str) -> CliError {
    match error {
        SdkError::Gone { source, .. } | SdkError::Unreachable { source, .. } => {
            CliError::NodeGone { task_id: task_id.to_owned(), source }
        }
        error => error.into(),
    }
}

/// Returns the guest's own exit code; 1 where it has none but did not succeed.
pub(crate) fn exit_code(status: &TaskStatus) -> ExitCode {
    if status.state.as_known() == Some(TaskState::Succeeded) {
        return ExitCode::SUCCESS;
    }
    match status.failure.as_known() {
        Some(FailureKind::Exit) => guest_code(status.exit_code),
        Some(FailureKind::Trap) => ExitCode::from(134),
        _ => ExitCode::FAILURE,
    }
}

/// Returns what a shell would see of a guest's code: the low eight bits, but never success.
pub(crate) fn guest_code(code: i32) -> ExitCode {
    let [low, ..] = code.to_le_bytes();
    ExitCode::from(if low == 0 { 1 } else { low })
}
