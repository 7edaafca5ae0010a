//! A `TraceFilter` from arbitrary bytes, binary (first byte 0x80 and up) or JSON, and what it picks.

use buffa::Message as _;
use vyr_proto::control::{TaskStatus, TraceFilter};
use vyr_telemetry::{Filter, TaskKey};

/// Takes one input.
pub fn run(data: &[u8]) {
    let Some((pick, body)) = data.split_first() else { return };
    let wire: TraceFilter = if pick & 0x80 == 0 {
        let Ok(wire) = connectrpc::codec::decode_json(body) else { return };
        wire
    } else {
        let Ok(wire) = TraceFilter::decode_from_slice(body) else { return };
        wire
    };
    let Ok(filter) = Filter::try_from(&wire) else { return };
    assert!(filter.tasks.len() <= 1_024);
    // a task that the filter itself describes is picked, unless the times contradict each other
    let Ok(status) = TaskStatus::decode_from_slice(body) else { return };
    let Some(mut key) = TaskKey::of(&status) else { return };
    if let Some(task) = filter.tasks.iter().next() {
        key.task = *task;
    }
    key.artifact = filter.artifact.unwrap_or(key.artifact);
    key.accepted_unix_nanos = filter.since_unix_nanos;
    if let Some(state) = wire.states.first().and_then(|state| state.as_known()) {
        key.state = state;
    }
    let empty = filter.until_unix_nanos.is_some_and(|until| until <= filter.since_unix_nanos);
    assert_eq!(filter.matches(&key), !empty);
}
