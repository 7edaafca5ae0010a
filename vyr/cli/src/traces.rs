//! `vyr traces stream`: tasks and their spans, as they happen or as they were.

use std::{process::ExitCode, time::Duration};

use clap::Subcommand;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message as _;
use vyr_sdk::control::{StreamTracesRequest, StreamTracesResponse, TaskStatus, TraceFilter};

use crate::{
    artifact::resolve,
    context::Context,
    error::CliError,
    output,
    terminal::{clean, say},
};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Print traces; of one task until it ends, else with --follow until interrupted
    Stream(StreamArgs),
}

#[derive(clap::Args)]
pub(crate) struct StreamArgs {
    /// Only these tasks
    #[arg(long)]
    task: Vec<String>,
    /// Only tasks of this artifact
    #[arg(long)]
    artifact: Option<String>,
    /// Go on with what happens after the history
    #[arg(long, short)]
    follow: bool,
    /// At most this many tasks of history, the newest; 0 for all [default: 20, or all that --task names]
    #[arg(long, short = 'n')]
    limit: Option<u32>,
}

/// Tasks of history where nobody says how many.
const HISTORY: u32 = 20;

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let Verb::Stream(args) = verb;
    let artifact_digest = match args.artifact {
        Some(text) => resolve(&text, context)?,
        None => String::new(),
    };
    let follow = args.follow || !args.task.is_empty();
    let history_limit = args.limit.unwrap_or(if args.task.is_empty() { HISTORY } else { 0 });
    let filter = TraceFilter { task_ids: args.task, artifact_digest, ..Default::default() };
    let request = StreamTracesRequest { filter: filter.into(), follow, history_limit, ..Default::default() };
    let mut stream = context.client()?.stream_traces(request).await?;
    let mut ended = Vec::new();
    while let Some(message) = stream.next().await? {
        if context.json() {
            json(&message)?;
        } else {
            text(message, &mut ended)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a message as one line: the tasks, and the spans as OTLP/JSON.
fn json(message: &StreamTracesResponse) -> Result<(), CliError> {
    let traces = decode(message)?;
    output::json(&serde_json::json!({
        "tasks": message.tasks,
        "tracesData": (!traces.resource_spans.is_empty()).then_some(traces),
        "dropped": message.dropped,
        "historyComplete": message.history_complete,
    }))
}

/// Prints a task once both its end and its spans are known.
fn text(message: StreamTracesResponse, ended: &mut Vec<TaskStatus>) -> Result<(), CliError> {
    let traces = decode(&message)?;
    if message.dropped > 0 {
        say(format_args!("({} events left out: this reader was too slow)", message.dropped));
    }
    for task in message.tasks {
        if task.end_time.is_set() {
            // one that ends while the history is read may come twice
            ended.retain(|known| known.task_id != task.task_id);
            ended.push(task);
        } else {
            say(format_args!("{} {}", clean(&task.task_id), output::state(&task)));
        }
    }
    let mut spans: Vec<Span> = traces
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect();
    spans.sort_by_key(|span| (span.start_time_unix_nano, std::cmp::Reverse(span.end_time_unix_nano)));
    // in the order of the node; those whose spans are still to come wait
    for task in std::mem::take(ended) {
        let root = spans.iter().find(|span| task_of(span) == task.task_id).map(|span| &span.span_id);
        let own =
            spans.iter().filter(|span| Some(&span.span_id) == root || Some(&span.parent_span_id) == root);
        let own: Vec<&Span> = own.collect();
        if own.is_empty() {
            ended.push(task);
        } else {
            print_task(&task, &own)?;
        }
    }
    Ok(())
}

fn decode(message: &StreamTracesResponse) -> Result<TracesData, CliError> {
    TracesData::decode(message.traces_data.as_ref())
        .map_err(|error| CliError::Usage(format!("the node sent a trace that does not decode: {error}")))
}

fn task_of(span: &Span) -> &str {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let id = span.attributes.iter().find(|attribute| attribute.key == "faas.invocation_id");
    match id.and_then(|attribute| attribute.value.as_ref()).and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

/// Returns the time from accept to end.
pub(crate) fn elapsed(task: &TaskStatus) -> Option<Duration> {
    let nanos = |time: &vyr_sdk::control::ProtoTimestamp| {
        i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
    };
    let (start, end) = (task.accept_time.as_option()?, task.end_time.as_option()?);
    u64::try_from(nanos(end) - nanos(start)).ok().map(Duration::from_nanos)
}

const fn span_time(span: &Span) -> Duration {
    Duration::from_nanos(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano))
}

/// The three phases that a person asks for first, and the edges that make each.
const PHASES: [(&str, &[&str]); 3] = [
    ("submit", &["accept", "queue", "commit"]),
    ("execute", &["load", "compile", "instantiate", "execute"]),
    ("complete", &["store_output", "terminal"]),
];

fn print_task(task: &TaskStatus, spans: &[&Span]) -> Result<(), CliError> {
    let why = output::failure(task);
    let separator = if why.is_empty() { "" } else { ": " };
    output::line(format_args!("{} {}{separator}{}", clean(&task.task_id), output::state(task), clean(&why)))?;
    let phases: Vec<String> = PHASES
        .iter()
        .map(|(phase, edges)| {
            let took =
                spans.iter().filter(|span| edges.contains(&edge(span))).map(|span| span_time(span)).sum();
            format!("[{phase}] {}", output::time(took))
        })
        .collect();
    output::line(phases.join(" → "))?;
    let begin = spans.iter().map(|span| span.start_time_unix_nano).min().unwrap_or(0);
    let total =
        spans.iter().map(|span| span.end_time_unix_nano).max().unwrap_or(0).saturating_sub(begin).max(1);
    for span in spans {
        let offset = span.start_time_unix_nano.saturating_sub(begin);
        output::line(format_args!(
            "  {:<18} {:>10}  {}",
            clean(edge(span)),
            output::time(span_time(span)),
            bar(offset, span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano), total)
        ))?;
    }
    if let Some(stdout) = task.stdout.as_option() {
        output::line(format_args!("  stdout {} ({})", stdout.digest, output::size(stdout.size)))?;
    }
    for file in &task.files {
        output::line(format_args!(
            "  /out/{} {} ({})",
            clean(&file.path),
            file.digest,
            output::size(file.size)
        ))?;
    }
    Ok(())
}

fn edge(span: &Span) -> &str {
    span.name.strip_prefix("vyr.").unwrap_or(&span.name)
}

/// Draws when a span was, on a line of 40 cells.
fn bar(offset: u64, length: u64, total: u64) -> String {
    const CELLS: u64 = 40;
    let cell = |nanos: u64| usize::try_from(nanos.saturating_mul(CELLS) / total).unwrap_or(0);
    let (from, to) = (cell(offset).min(39), cell(offset + length).min(40));
    format!("{}{}", " ".repeat(from), "━".repeat((to - from).max(1)))
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bars_stay_on_the_line() {
        assert_eq!(bar(0, 100, 100).chars().count(), 40);
        assert_eq!(bar(100, 0, 100).chars().count(), 40);
        assert_eq!(bar(50, 25, 100).trim_start().chars().count(), 10);
    }
}
