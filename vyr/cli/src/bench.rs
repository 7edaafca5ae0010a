//! `vyr bench`: how long a task that does nothing takes on this node, from its submit to its end.

use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use vyr_sdk::{
    Client, TraceStream,
    control::{Durability, Resources, StreamTracesRequest, SubmitTaskRequest, TaskState, TraceFilter},
    is_terminal,
};

use crate::{
    artifact::{Source, open_store, put, sign_for_run},
    context::Context,
    error::CliError,
    output,
    terminal::say,
};

/// A core module whose `_start` returns at once.
const NOOP: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0\x0a\x04\x01\x02\0\x0b";
/// Longer than any node needs for nothing: its events were lost, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Verb {
    /// Tasks to run, one after the other
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tasks: u32,
    /// Submit without the promise of durability
    #[arg(long)]
    volatile: bool,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let mut bench = Bench::prepare(client, verb.volatile, context).await?;
    // the first one compiles and loads
    let first = bench.time().await?;
    let (mut accepted, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..verb.tasks {
        let times = bench.time().await?;
        accepted.push(times.accepted);
        ended.push(times.ended);
    }
    accepted.sort_unstable();
    ended.sort_unstable();
    if context.json() {
        output::json(&serde_json::json!({
            "tasks": verb.tasks,
            "durability": if verb.volatile { "volatile" } else { "durable" },
            "firstEndedUs": micros(first.ended),
            "accepted": row(&accepted),
            "ended": row(&ended),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(["SUBMIT TO", "P50", "P99", "MAX"]);
    for (name, times) in [("accepted", &accepted), ("ended", &ended)] {
        let shown = [50, 99, 100].map(|part| output::time(percentile(times, part)));
        let [p50, p99, max] = shown;
        table.add_row([name.to_owned(), p50, p99, max]);
    }
    output::line(table.trim_fmt())?;
    say(format_args!("the first one, with what a start prepares: {}", output::time(first.ended)));
    Ok(ExitCode::SUCCESS)
}

/// The no-op on the node, and a stream of its ends.
struct Bench {
    client: Client,
    request: SubmitTaskRequest,
    ends: TraceStream,
}

/// From before the submit.
struct Times {
    accepted: Duration,
    ended: Duration,
}

impl Bench {
    async fn prepare(client: Client, volatile: bool, context: &Context) -> Result<Self, CliError> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("vyr-bench-noop.wasm");
        fs::write(&file, NOOP)?;
        let prepared = Source::of(file).prepare()?;
        let signature = sign_for_run(context, &open_store(context)?, &prepared.manifest)?;
        let artifact_digest = put(&client, prepared, signature, context).await?.digest;
        let filter = TraceFilter { artifact_digest: artifact_digest.clone(), ..Default::default() };
        let ends = client.stream_traces(StreamTracesRequest {
            filter: filter.into(),
            follow: true,
            no_history: true,
            no_spans: true,
            ..Default::default()
        });
        let ends = ends.await?;
        let durability = if volatile { Durability::Volatile } else { Durability::Durable };
        let resources =
            Resources { durability: durability.into(), no_output_dir: true, ..Default::default() };
        let request =
            SubmitTaskRequest { artifact_digest, resources: resources.into(), ..Default::default() };
        Ok(Self { client, request, ends })
    }

    async fn time(&mut self) -> Result<Times, CliError> {
        let begun = Instant::now();
        let task_id = self.client.submit_task(self.request.clone()).await?.task_id;
        let accepted = begun.elapsed();
        let state = tokio::time::timeout(PATIENCE, self.end(&task_id)).await;
        let late =
            || failed(format!("no end of task `{task_id}` was told within a minute: see `vyr task ls`"));
        match state.map_err(|_| late())?? {
            TaskState::Succeeded => Ok(Times { accepted, ended: begun.elapsed() }),
            other => Err(failed(format!(
                "task `{task_id}` ended {other:?}: see `vyr traces stream --task {task_id}`"
            ))),
        }
    }

    async fn end(&mut self, task_id: &str) -> Result<TaskState, CliError> {
        while let Some(message) = self.ends.next().await? {
            let states = message.tasks.iter().filter(|task| task.task_id == task_id);
            let ended = states.filter_map(|task| task.state.as_known()).find(|state| is_terminal(*state));
            if let Some(state) = ended {
                return Ok(state);
            }
        }
        Err(failed("the node ended its stream of traces: is it stopping?".to_owned()))
    }
}

fn failed(text: String) -> CliError {
    std::io::Error::other(text).into()
}

fn row(times: &[Duration]) -> serde_json::Value {
    let [p50, p99, max] = [50, 99, 100].map(|part| micros(percentile(times, part)));
    serde_json::json!({ "p50Us": p50, "p99Us": p99, "maxUs": max })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the time that `part` in a hundred of the sorted times do not exceed.
fn percentile(sorted: &[Duration], part: usize) -> Duration {
    let rank = (sorted.len() * part).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!([50, 99, 100].map(|part| percentile(&times, part).as_micros()), [100, 198, 200]);
        assert_eq!(percentile(&times[..1], 50), times[0]);
    }
}
