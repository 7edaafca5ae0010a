//! `vyr task …`: submit, watch and cancel.

mod logs;
mod ls;
mod submit;
mod wait;

pub(crate) use self::wait::{exit_code, gone, guest_code};

use std::process::ExitCode;

use clap::Subcommand;
use vyr_sdk::control::{CancelTaskRequest, TaskState};

use crate::{context::Context, error::CliError, output};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Submit a task and print its id
    Submit(Box<submit::Args>),
    /// Cancel a task that has not ended
    Cancel {
        /// The task's id
        task: String,
    },
    /// Wait for the end of a task and give the guest's exit code
    Wait(wait::Args),
    /// List tasks, the newest last
    Ls(ls::Args),
    /// Print what a task writes, while it runs and after
    Logs(logs::Args),
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    match verb {
        Verb::Submit(args) => submit::run(*args, context).await,
        Verb::Cancel { task } => cancel(task, context).await,
        Verb::Wait(args) => wait::run(args, context).await,
        Verb::Ls(args) => ls::run(args, context).await,
        Verb::Logs(args) => logs::run(args, context).await,
    }
}

async fn cancel(task_id: String, context: &Context) -> Result<ExitCode, CliError> {
    let request = CancelTaskRequest { task_id: task_id.clone(), ..Default::default() };
    let answer = context.client()?.cancel_task(request).await?;
    if context.json() {
        output::json(&answer)?;
    } else {
        output::line(match answer.state.as_known() {
            Some(TaskState::Running | TaskState::Starting) => format!("{task_id}: cancelling"),
            Some(TaskState::Cancelled) => format!("{task_id}: cancelled"),
            _ => format!("{task_id}: had ended before"),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}
