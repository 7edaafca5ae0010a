//! `vyr state …`: create and bind.

use std::{process::ExitCode, time::Duration};

use clap::Subcommand;
use vyr_sdk::control::{BindMode, BindStateRequest, CreateStateRequest, StateClass};

use crate::{context::Context, error::CliError, output, resources};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make an empty ephemeral state and print its id
    Create {
        /// A name for people
        name: String,
        /// Bytes of keys and values together, such as `64MiB`
        #[arg(long, value_name = "SIZE", value_parser = resources::some_size)]
        quota: Option<u64>,
        /// How long it outlives its last binding, at most `24h` [default: 10m]
        #[arg(long, value_name = "TIME", value_parser = resources::time)]
        ttl: Option<Duration>,
    },
    /// Give a state to a task that waits for one
    Bind {
        /// The held task's id
        #[arg(long)]
        task: String,
        /// The state's id
        #[arg(long)]
        state: String,
        /// `ro` or `rw`, as in the submit
        #[arg(long, value_parser = ["ro", "rw"])]
        mode: String,
        /// The binding, where the task waits for more than one
        #[arg(long, default_value = "")]
        name: String,
    },
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    match verb {
        Verb::Create { name, quota, ttl } => {
            let request = CreateStateRequest {
                name,
                class: StateClass::Ephemeral.into(),
                quota_bytes: quota.unwrap_or(0),
                ttl: resources::proto_duration(ttl).into(),
                ..Default::default()
            };
            let answer = client.create_state(request).await?;
            if context.json() {
                output::json(&answer)?;
            } else {
                output::line(format_args!("state_id: {}", answer.state_id))?;
            }
        }
        Verb::Bind { task, state, mode, name } => {
            let mode = if mode == "ro" { BindMode::Ro } else { BindMode::Rw };
            let request = BindStateRequest {
                task_id: task,
                state_id: state,
                mode: mode.into(),
                name,
                ..Default::default()
            };
            let answer = client.bind_state(request).await?;
            if context.json() {
                output::json(&answer)?;
            } else {
                output::line(match answer.open_bindings {
                    0 => "bound; the task is released".to_owned(),
                    open => format!("bound; the task waits for {open} more"),
                })?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
