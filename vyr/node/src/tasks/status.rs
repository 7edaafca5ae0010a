use std::time::Duration;

use buffa_types::google::protobuf::{Duration as ProtoDuration, Timestamp};
use vyr_model::{Failure, LimitKind, OutputFile, Outputs, StreamOutput, TaskState, Terminal};
use vyr_proto::control;
use vyr_telemetry::Stamp;

use super::{Phase, Task};

const MAX_MESSAGE: usize = 4096;

/// Tells a task as it stands, in the Control API's form.
pub(crate) fn status(task: &Task, phase: &Phase, outputs: &Outputs) -> control::TaskStatus {
    // while it runs, what it has used so far
    let cpu = phase.cpu.max(task.used.cpu());
    let mut status = control::TaskStatus {
        task_id: task.id.to_string(),
        artifact_digest: task.spec.artifact.to_string(),
        state: proto_state(&phase.state).into(),
        stdout: outputs.stdout.as_ref().map(stream).into(),
        stderr: outputs.stderr.as_ref().map(stream).into(),
        files: outputs.files.iter().map(file).collect(),
        accept_time: Some(timestamp(task.accepted)).into(),
        start_time: phase.started.map(timestamp).into(),
        end_time: phase.ended.map(timestamp).into(),
        cpu_time: (!cpu.is_zero()).then(|| duration(cpu)).into(),
        trace_id: task.trace_id.to_string(),
        idempotency_key: task.idempotency_key.clone(),
        attempts: phase.attempts,
        held: phase.is_held(),
        ..Default::default()
    };
    if let TaskState::Terminal(Terminal::Failed(why)) = &phase.state {
        tell_failure(&mut status, why);
    }
    status
}

fn tell_failure(status: &mut control::TaskStatus, why: &Failure) {
    let (kind, text) = match why {
        Failure::Trap(text) => (control::FailureKind::Trap, text.as_str()),
        Failure::Exit(code) => {
            status.exit_code = *code;
            (control::FailureKind::Exit, "")
        }
        Failure::Limit(kind) => {
            status.limit = limit(*kind).into();
            (control::FailureKind::Limit, "")
        }
        Failure::Verify(text) => (control::FailureKind::Verify, text.as_str()),
        Failure::Link(text) => (control::FailureKind::Link, text.as_str()),
        Failure::StateLost(text) => (control::FailureKind::StateLost, text.as_str()),
        Failure::Grant(text) => (control::FailureKind::Grant, text.as_str()),
        Failure::Internal(text) => (control::FailureKind::Internal, text.as_str()),
    };
    status.failure = kind.into();
    let end = text.floor_char_boundary(MAX_MESSAGE);
    status.message = text.get(..end).unwrap_or_default().to_owned();
}

/// Reads the digest of `stdout` or `stderr` out of a status.
pub(crate) fn output_digest(status: &control::TaskStatus, stream: &str) -> Option<vyr_model::Digest> {
    let output = match stream {
        "stdout" => status.stdout.as_option(),
        _ => status.stderr.as_option(),
    };
    output.and_then(|output| output.digest.parse().ok())
}

/// Returns the Control API's name of a state.
pub(crate) fn proto_state(state: &TaskState) -> control::TaskState {
    match state {
        TaskState::Queued => control::TaskState::Queued,
        TaskState::Starting => control::TaskState::Starting,
        TaskState::Running => control::TaskState::Running,
        TaskState::Terminal(Terminal::Succeeded) => control::TaskState::Succeeded,
        TaskState::Terminal(Terminal::Failed(_)) => control::TaskState::Failed,
        TaskState::Terminal(Terminal::Cancelled) => control::TaskState::Cancelled,
        TaskState::Terminal(Terminal::Lost) => control::TaskState::Lost,
    }
}

const fn limit(kind: LimitKind) -> control::LimitKind {
    match kind {
        LimitKind::Memory => control::LimitKind::Memory,
        LimitKind::WallTime => control::LimitKind::WallTime,
        LimitKind::CpuTime => control::LimitKind::CpuTime,
        LimitKind::Fuel => control::LimitKind::Fuel,
        LimitKind::Stdout => control::LimitKind::Stdout,
        LimitKind::Stderr => control::LimitKind::Stderr,
        LimitKind::Output => control::LimitKind::Output,
        LimitKind::Handles => control::LimitKind::Handles,
        LimitKind::HostCallBytes => control::LimitKind::HostCallBytes,
        LimitKind::HoldTime => control::LimitKind::HoldTime,
    }
}

fn stream(output: &StreamOutput) -> control::Output {
    control::Output { digest: output.digest.to_string(), size: output.size, ..Default::default() }
}

fn file(file: &OutputFile) -> control::Output {
    control::Output {
        path: file.path.clone(),
        digest: file.digest.to_string(),
        size: file.size,
        ..Default::default()
    }
}

/// A moment, in the Control API's form.
pub(crate) fn timestamp(stamp: Stamp) -> Timestamp {
    let nanos = stamp.unix_nanos();
    Timestamp {
        seconds: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanos % 1_000_000_000).unwrap_or(0),
        ..Default::default()
    }
}

fn duration(duration: Duration) -> ProtoDuration {
    ProtoDuration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
        ..Default::default()
    }
}
