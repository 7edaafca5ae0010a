//! What an earlier run left in the record, written here as if by a node of some time ago.

use std::time::{Duration, SystemTime};

use vyr_model::TaskId;
use vyr_sdk::control::{BindMode, FailureKind, LimitKind, SubmitTaskRequest, TaskState};
use vyr_telemetry::record::{Accepted, Commit, Entry, Record, RecordOptions, Started};

use crate::support::{Node, Submit, ended_well, shown};

/// Writes a submit into the record of a node that does not run; returns the task's id.
async fn leave(node: &Node, request: SubmitTaskRequest, ago: Duration, attempts: u32) -> String {
    let id = TaskId::generate();
    let at = (SystemTime::now() - ago).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let accepted = Accepted {
        task_id: id.as_bytes().to_vec(),
        request: request.into(),
        accepted_unix_nanos: u64::try_from(at.as_nanos()).unwrap(),
        trace_id: vec![7; 16],
        root_span_id: vec![7; 8],
        ..Default::default()
    };
    let started = |attempt| Started { task_id: id.as_bytes().to_vec(), attempt, ..Default::default() }.into();
    let (record, _) = Record::open(node.home().join("record"), RecordOptions::default()).unwrap();
    for entry in std::iter::once(accepted.into()).chain((1..=attempts).map(started)) {
        let entry = Entry { entry: Some(entry), ..Default::default() };
        record.commit(&entry, Commit::Synced).await.unwrap();
    }
    record.close().await;
    id.to_string()
}

#[tokio::test]
async fn a_hold_counts_from_the_submit_over_restarts() {
    let mut node = Node::start();
    let kv = node.put_with_states("kv", &["s"]);
    let held = Submit::new(&kv).args(["s", "list-keys"]).state("s", "", BindMode::Rw);
    let held = held.hold_time(Duration::from_secs(600)).request();
    node.kill();
    // the first would wait for ten more minutes if its time began anew
    let over = leave(&node, held.clone(), Duration::from_secs(3600), 0).await;
    let waits = leave(&node, held, Duration::ZERO, 0).await;
    node.start_again();
    let ended = node.client().wait(&over).await.unwrap();
    assert_eq!(ended.limit.as_known(), Some(LimitKind::HoldTime), "{}", shown(&ended));
    let listed = node.cli().args(["task", "ls", "--state", "queued"]).json();
    assert_eq!((&listed[0]["taskId"], &listed[0]["held"]), (&waits.as_str().into(), &true.into()));
    assert_eq!(listed.len(), 1, "{listed:?}");
}

#[tokio::test]
async fn what_cannot_be_taken_up_comes_to_an_end() {
    let mut node = Node::start();
    let noop = node.put("noop");
    node.kill();
    // as a node of another version might have taken it
    let strange = Submit::new(&noop).args(["\0"]).request();
    let never = leave(&node, strange.clone(), Duration::from_secs(60), 0).await;
    let once = leave(&node, strange, Duration::from_secs(60), 1).await;
    node.start_again();
    let (client, mut ends) = (node.client(), Vec::new());
    for task in [&never, &once] {
        let status = client.wait(task).await.unwrap();
        assert!(status.message.contains("does not parse") && status.message.contains("submit it again"));
        assert!(status.accept_time.is_set() && status.end_time.is_set(), "{}", shown(&status));
        ends.push((status.state.as_known().unwrap(), status.failure.as_known().unwrap()));
    }
    let told = [(TaskState::Failed, FailureKind::Internal), (TaskState::Lost, FailureKind::Unspecified)];
    assert_eq!(ends, told);
    // it is one end, with its spans, and no more after another restart
    node.kill();
    node.start_again();
    let mut names: Vec<_> = node.trace(&never).into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["vyr.recovery", "vyr.task", "vyr.terminal"]);
    ended_well(&Submit::new(&noop).run(&node.client()).await);
}
