use std::time::Duration;

use vyr_model::TaskId;
use vyr_proto::{
    control::{SubmitTaskRequest, TaskState, TaskStatus},
    record::{Accepted, Bound, Ended, Entry, Started},
};
use vyr_telemetry::{
    Edge, Stamp, TaskTrace, new_span_id, new_trace_id,
    record::{Commit, Record, RecordOptions, Recovery},
};

pub(crate) const ARTIFACT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A time in the year 2026, so that tests do not read the clock.
pub(crate) const EPOCH_SECONDS: i64 = 1_780_000_000;

pub(crate) fn task(number: u64) -> TaskId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    TaskId::from_bytes(bytes)
}

pub(crate) fn accepted(task: TaskId, key: &str) -> Entry {
    let accepted = Accepted {
        task_id: task.as_bytes().to_vec(),
        request: SubmitTaskRequest {
            artifact_digest: ARTIFACT.into(),
            idempotency_key: key.into(),
            ..Default::default()
        }
        .into(),
        accepted_unix_nanos: EPOCH_SECONDS as u64 * 1_000_000_000,
        trace_id: vec![3; 16],
        root_span_id: vec![4; 8],
        ..Default::default()
    };
    Entry { entry: Some(accepted.into()), ..Default::default() }
}

pub(crate) fn bound(task: TaskId, name: &str) -> Entry {
    let bound = Bound {
        task_id: task.as_bytes().to_vec(),
        name: name.into(),
        state_id: vec![9; 16],
        ..Default::default()
    };
    Entry { entry: Some(bound.into()), ..Default::default() }
}

pub(crate) fn started(task: TaskId, attempt: u32) -> Entry {
    let started = Started { task_id: task.as_bytes().to_vec(), attempt, ..Default::default() };
    Entry { entry: Some(started.into()), ..Default::default() }
}

pub(crate) fn status(task: TaskId, state: TaskState, accepted_seconds: i64) -> TaskStatus {
    TaskStatus {
        task_id: task.to_string(),
        artifact_digest: ARTIFACT.into(),
        state: state.into(),
        accept_time: buffa_types::google::protobuf::Timestamp {
            seconds: accepted_seconds,
            ..Default::default()
        }
        .into(),
        ..Default::default()
    }
}

/// A trace with every edge that a successful task passes, one after another, 1 ms each.
pub(crate) fn whole_trace(task: TaskId) -> Ended {
    let mut trace = TaskTrace::new(new_trace_id(), Some(new_span_id()), new_span_id());
    let at = |step: u64| Stamp::from_unix_nanos(EPOCH_SECONDS as u64 * 1_000_000_000 + step * 1_000_000);
    trace.record(Edge::Task, at(0), at(12)).attr("faas.name", "event-transform");
    for (step, edge) in Edge::ALL.into_iter().skip(1).take(12).enumerate() {
        trace.record(edge, at(step as u64), at(step as u64 + 1)).attr("vyr.bytes", 42_u64);
    }
    let status = status(task, TaskState::TASK_STATE_SUCCEEDED, EPOCH_SECONDS);
    trace.into_ended(task, status, Duration::from_millis(12))
}

pub(crate) fn ended(task: TaskId) -> Entry {
    Entry { entry: Some(whole_trace(task).into()), ..Default::default() }
}

/// Small segments, nothing deleted, a disk that is tried again at once.
pub(crate) fn small(segment_bytes: u64) -> RecordOptions {
    RecordOptions { segment_bytes, retry_delay: Duration::ZERO, ..RecordOptions::default() }
}

pub(crate) fn open(dir: &std::path::Path, options: RecordOptions) -> (Record, Recovery) {
    Record::open(dir, options).unwrap()
}

pub(crate) async fn put(record: &Record, entry: &Entry) {
    record.commit(entry, Commit::Synced).await.unwrap();
}

pub(crate) fn queued(recovery: &Recovery) -> Vec<TaskId> {
    recovery.queued.iter().map(|left| left.task).collect()
}
