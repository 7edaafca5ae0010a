use std::{collections::BTreeMap, process::ExitCode};

use vyr_sdk::control::{StreamTracesRequest, TaskState, TraceFilter};

use crate::{artifact::resolve, context::Context, error::CliError, output, terminal::clean};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tasks in this state: queued, starting, running, succeeded, failed, cancelled or lost
    #[arg(long, value_parser = state)]
    state: Vec<TaskState>,
    /// Only tasks of this artifact
    #[arg(long)]
    artifact: Option<String>,
    /// At most this many, the newest; 0 for all that the node knows
    #[arg(long, short = 'n', default_value_t = 50)]
    limit: u32,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result<ExitCode, CliError> {
    let artifact_digest = match args.artifact {
        Some(text) => resolve(&text, context)?,
        None => String::new(),
    };
    let states = args.state.into_iter().map(Into::into).collect();
    let filter = TraceFilter { artifact_digest, states, ..Default::default() };
    let request = StreamTracesRequest {
        filter: filter.into(),
        history_limit: args.limit,
        no_spans: true,
        ..Default::default()
    };
    let mut stream = context.client()?.stream_traces(request).await?;
    // those that have not ended come beside the node's history: the newest of both together
    let mut newest = BTreeMap::new();
    while let Some(message) = stream.next().await? {
        for task in message.tasks {
            newest.insert(task.task_id.clone(), task);
            if args.limit > 0 && newest.len() > args.limit as usize {
                newest.pop_first();
            }
        }
    }
    let mut table = output::table(["TASK", "STATE", "ARTIFACT", "TOOK", "WHY"]);
    for task in newest.values() {
        if context.json() {
            output::json(task)?;
            continue;
        }
        let took = crate::traces::elapsed(task).map(output::time).unwrap_or_default();
        let artifact: String = task.artifact_digest.chars().take(19).collect();
        let why = output::failure(task);
        table.add_row([&*clean(&task.task_id), output::state(task), &clean(&artifact), &took, &clean(&why)]);
    }
    if !context.json() {
        output::line(table.trim_fmt())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn state(text: &str) -> Result<TaskState, String> {
    Ok(match text {
        "queued" | "held" => TaskState::Queued,
        "starting" => TaskState::Starting,
        "running" => TaskState::Running,
        "succeeded" => TaskState::Succeeded,
        "failed" => TaskState::Failed,
        "cancelled" => TaskState::Cancelled,
        "lost" => TaskState::Lost,
        _ => return Err("write queued, starting, running, succeeded, failed, cancelled or lost".to_owned()),
    })
}
