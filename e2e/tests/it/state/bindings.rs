//! What a binding allows, and what becomes of a task that waits for one.

use std::time::Duration;

use vyr_sdk::control::{BindMode, BindStateRequest, FailureKind, LimitKind, TaskState, TaskStatus};

use super::create;
use crate::support::{Node, Submit, ended_well, shown, stdout};

fn bind(task: &str, state: &str, mode: BindMode) -> BindStateRequest {
    BindStateRequest { task_id: task.into(), state_id: state.into(), mode: mode.into(), ..Default::default() }
}

#[tokio::test]
async fn a_loader_fills_and_a_reader_cannot_write() {
    let node = Node::start();
    let client = node.client();
    let (kv, state) = (node.put_with_states("kv", &["s"]), create(&client, "s").await);
    let run = async |mode, args: &[&str]| -> (TaskStatus, String) {
        let task = Submit::new(&kv).args(args.iter().copied()).state("s", &state, mode);
        let status = task.run(&client).await;
        let out = String::from_utf8(stdout(&client, &status).await).unwrap();
        (status, out.trim_end().to_owned())
    };
    let (status, out) = run(BindMode::Rw, &["s", "set-many", "a=1", "b=2"]).await;
    ended_well(&status);
    assert_eq!(out, "ok");
    assert_eq!(run(BindMode::Ro, &["s", "get-many", "a", "b", "c"]).await.1, "a=1\nb=2\nnone");
    for args in [
        &["s", "set", "a", "3"][..],
        &["s", "delete", "a"],
        &["s", "increment", "n", "1"],
        &["s", "cas", "a", "1", "3"],
        &["s", "set-many", "a=3"],
        &["s", "delete-many", "a"],
    ] {
        let (status, out) = run(BindMode::Ro, args).await;
        assert_eq!((out.as_str(), status.exit_code), ("error: access-denied", 1), "{args:?}");
    }
    assert_eq!(run(BindMode::Ro, &["s", "list-keys"]).await.1, "a\nb");
    for name in ["t", "", "S", &state] {
        assert_eq!(run(BindMode::Rw, &[name, "list-keys"]).await.1, "error: no-such-store", "`{name}`");
    }
}

#[tokio::test]
async fn a_held_task_runs_when_its_state_comes() {
    let node = Node::start();
    let client = node.client();
    let (kv, state) = (node.put_with_states("kv", &["s"]), create(&client, "s").await);
    let held = Submit::new(&kv).args(["s", "set", "k", "v"]).state("s", "", BindMode::Rw);
    let task = held.send(&client).await;
    let listed = node.cli().args(["task", "ls"]).json();
    assert_eq!((&listed[0]["state"], &listed[0]["held"]), (&"TASK_STATE_QUEUED".into(), &true.into()));
    let wrong_mode = client.bind_state(bind(&task, &state, BindMode::Ro)).await.unwrap_err();
    assert_eq!(wrong_mode.reason(), Some("FIELD_INVALID"));
    let nothing = "st_00000000000000000000000000000001";
    let unknown = client.bind_state(bind(&task, nothing, BindMode::Rw)).await.unwrap_err();
    assert_eq!(unknown.reason(), Some("STATE_NOT_FOUND"));
    assert_eq!(client.bind_state(bind(&task, &state, BindMode::Rw)).await.unwrap().open_bindings, 0);
    ended_well(&client.wait(&task).await.unwrap());
    // one that ended, one that runs, one that was never held
    let ended = client.bind_state(bind(&task, &state, BindMode::Rw)).await.unwrap_err();
    assert_eq!(ended.reason(), Some("TASK_NOT_HELD"));
    let sleeper = Submit::new(&node.put("sleep")).send(&client).await;
    let running = client.bind_state(bind(&sleeper, &state, BindMode::Rw)).await.unwrap_err();
    let vyr_sdk::SdkError::Refused { kind, .. } = running else { panic!("{running:?}") };
    assert_eq!(kind, vyr_sdk::ErrorKind::FailedPrecondition);
}

#[tokio::test]
async fn bindings_are_taken_all_or_none() {
    let node = Node::start();
    let client = node.client();
    let (kv, state) = (node.put_with_states("kv", &["s", "t"]), create(&client, "s").await);
    let nothing = "st_00000000000000000000000000000001";
    let both = Submit::new(&kv).state("s", &state, BindMode::Rw).state("t", nothing, BindMode::Rw);
    let refused = client.submit_task(both.request()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("STATE_NOT_FOUND"));
    let metrics = node.curl().get("/metrics?once=true&prefix=vyr.states.bindings").json();
    let point = &metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0];
    assert_eq!(point["asInt"], "0", "{metrics}");
    assert!(node.cli().args(["task", "ls"]).json().is_empty(), "a refused submit leaves no task");
}

#[tokio::test]
async fn nobody_comes_and_the_hold_ends() {
    let node = Node::start();
    let client = node.client();
    let held = Submit::new(&node.put_with_states("kv", &["s"])).args(["s", "list-keys"]).state(
        "s",
        "",
        BindMode::Ro,
    );
    let status = held.hold_time(Duration::from_millis(200)).run(&client).await;
    let why = (status.state.as_known(), status.failure.as_known(), status.limit.as_known());
    let wanted = (Some(TaskState::Failed), Some(FailureKind::Limit), Some(LimitKind::HoldTime));
    assert_eq!(why, wanted, "{}", shown(&status));
    assert!(!status.start_time.is_set(), "it never ran");
}

#[tokio::test]
async fn a_state_has_a_quota_and_an_end() {
    use vyr_sdk::control::{CreateStateRequest, ProtoDuration, StateClass};
    let node = Node::start();
    let client = node.client();
    let kv = node.put_with_states("kv", &["s"]);
    let request = CreateStateRequest {
        name: "small".into(),
        class: StateClass::Ephemeral.into(),
        quota_bytes: 1000,
        ttl: Some(ProtoDuration { seconds: 1, ..Default::default() }).into(),
        ..Default::default()
    };
    let state = client.create_state(request).await.unwrap().state_id;
    let fill =
        Submit::new(&kv).args(["s", "fill", "1000"]).state("s", &state, BindMode::Rw).run(&client).await;
    assert_eq!(fill.exit_code, 1, "{}", shown(&fill));
    let out = String::from_utf8(stdout(&client, &fill).await).unwrap();
    assert!(out.contains("quota"), "{out}");
    crate::support::until("the state expires", || node.metric("vyr.states", None) < 1.0);
    let read = Submit::new(&kv).state("s", &state, BindMode::Ro);
    let refused = client.submit_task(read.request()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("STATE_NOT_FOUND"));
}
