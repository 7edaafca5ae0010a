//! One restart at a time: what each kind of task comes to.

use std::{fs, time::Duration};

use vyr_sdk::{
    Client,
    control::{
        BindMode, BindStateRequest, CreateStateRequest, FailureKind, StateClass, StreamTracesRequest,
        TaskState, TraceFilter,
    },
};

use super::workload::{executions, module};
use crate::support::{Node, Submit, ended_well, shown};

/// Waits until a task stands in `state`.
async fn reaches(client: &Client, task: &str, state: TaskState) {
    let filter = TraceFilter { task_ids: vec![task.to_owned()], ..Default::default() };
    let request = StreamTracesRequest { filter: filter.into(), follow: true, ..Default::default() };
    let mut stream = client.stream_traces(request).await.unwrap();
    while let Some(message) = stream.next().await.unwrap() {
        if message.tasks.iter().any(|task| task.state.as_known() == Some(state)) {
            return;
        }
    }
    panic!("{task} never was {state:?}");
}

async fn create(client: &Client) -> String {
    let request =
        CreateStateRequest { name: "s".into(), class: StateClass::Ephemeral.into(), ..Default::default() };
    client.create_state(request).await.unwrap().state_id
}

fn bind(task: &str, state: &str, name: &str) -> BindStateRequest {
    BindStateRequest {
        task_id: task.into(),
        state_id: state.into(),
        mode: BindMode::Rw.into(),
        name: name.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn running_is_lost_queued_runs_idempotent_runs_again() {
    let mut node = Node::with(["--max-running", "2"]);
    let client = node.client();
    let (sleep, noop) = (node.put("sleep"), node.put("noop"));
    let counts = node.dir().join("counts");
    fs::create_dir(&counts).unwrap();
    // a file of the host tells this guest to go on: it spins for ever in its first life only
    let spin = module("(loop $l (br $l))");
    let spin = node.put_wasm("spin", &spin);
    let running = Submit::new(&sleep).send(&client).await;
    let repeats = Submit::new(&spin)
        .idempotent()
        .args(["repeats"])
        .dir(&counts, "/counts")
        .wall_time(Duration::from_secs(5));
    let repeats = repeats.send(&client).await;
    let queued = Submit::new(&noop).send(&client).await;
    for task in [&running, &repeats] {
        reaches(&client, task, TaskState::Running).await;
    }
    crate::support::until("the guest has counted", || executions(&counts, "repeats") == 1);
    node.kill();
    node.start_again();
    let client = node.client();
    let lost = client.wait(&running).await.unwrap();
    assert_eq!((lost.state.as_known(), lost.attempts), (Some(TaskState::Lost), 1), "{}", shown(&lost));
    let ran = client.wait(&queued).await.unwrap();
    ended_well(&ran);
    assert_eq!(ran.attempts, 1);
    let again = client.wait(&repeats).await.unwrap();
    assert_eq!(
        (again.failure.as_known(), again.attempts),
        (Some(FailureKind::Limit), 2),
        "{}",
        shown(&again)
    );
    assert_eq!(executions(&counts, "repeats"), 2);
    // a second restart changes nothing that has ended
    node.kill();
    node.start_again();
    for before in [lost, ran, again] {
        assert_eq!(node.client().wait(&before.task_id).await.unwrap(), before);
    }
}

#[tokio::test]
async fn an_idempotency_key_lives_through_a_restart() {
    let mut node = Node::start();
    let noop = node.put("noop");
    let submit = Submit::new(&noop).key("once");
    let first = node.client().submit_task(submit.request()).await.unwrap();
    node.kill();
    node.start_again();
    let second = node.client().submit_task(submit.request()).await.unwrap();
    assert_eq!((&second.task_id, &second.trace_id), (&first.task_id, &first.trace_id));
    assert!(!first.existing && second.existing);
    let other = node.client().submit_task(submit.args(["other"]).request()).await;
    assert_eq!(other.unwrap_err().reason(), Some("IDEMPOTENCY_KEY_REUSED"));
}

#[tokio::test]
async fn a_task_whose_state_is_gone_never_runs_on_an_empty_one() {
    let mut node = Node::with(["--max-running", "1"]);
    let client = node.client();
    let (sleep, kv) = (node.put("sleep"), node.put_with_states("kv", &["s"]));
    let state = create(&client).await;
    let blocker = Submit::new(&sleep).send(&client).await;
    reaches(&client, &blocker, TaskState::Running).await;
    // named in the submit, queued; one of two bound; all bound by BindState, queued
    let named = Submit::new(&kv).args(["s", "set", "k", "v"]).state("s", &state, BindMode::Rw);
    let named = named.send(&client).await;
    let hold = Duration::from_secs(600);
    let two = node.put_with_states("kv", &["s", "t"]);
    let two = Submit::new(&two).args(["s", "list-keys"]).hold_time(hold);
    let two = two.state("s", &state, BindMode::Rw).state("t", "", BindMode::Rw).send(&client).await;
    let bound = Submit::new(&kv).args(["s", "list-keys"]).state("s", "", BindMode::Rw).hold_time(hold);
    let bound = bound.send(&client).await;
    assert_eq!(client.bind_state(bind(&bound, &state, "")).await.unwrap().open_bindings, 0);
    node.kill();
    node.start_again();
    for task in [named, two, bound] {
        let status = node.client().wait(&task).await.unwrap();
        assert_eq!(status.failure.as_known(), Some(FailureKind::StateLost), "{}", shown(&status));
        assert_eq!((status.attempts, status.start_time.is_set()), (0, false), "it never ran");
    }
    let gone = node.client().submit_task(Submit::new(&kv).state("s", &state, BindMode::Ro).request()).await;
    assert_eq!(gone.unwrap_err().reason(), Some("STATE_NOT_FOUND"));
}

#[tokio::test]
async fn a_held_task_is_held_after_a_restart() {
    let mut node = Node::start();
    let kv = node.put_with_states("kv", &["s"]);
    let held = Submit::new(&kv).args(["s", "increment", "n", "5"]).state("s", "", BindMode::Rw);
    let held = held.hold_time(Duration::from_secs(600)).send(&node.client()).await;
    node.kill();
    node.start_again();
    let client = node.client();
    let listed = node.cli().args(["task", "ls"]).json();
    assert_eq!((&listed[0]["taskId"], &listed[0]["held"]), (&held.as_str().into(), &true.into()));
    let state = create(&client).await;
    client.bind_state(bind(&held, &state, "s")).await.unwrap();
    ended_well(&client.wait(&held).await.unwrap());
}

#[tokio::test]
async fn a_node_that_is_asked_to_stop_keeps_what_is_queued() {
    let mut node = Node::with(["--max-running", "1"]);
    let client = node.client();
    let (sleep, noop) = (node.put("sleep"), node.put("noop"));
    let running = Submit::new(&sleep).args(["1500"]).send(&client).await;
    reaches(&client, &running, TaskState::Running).await;
    let queued = Submit::new(&noop).send(&client).await;
    node.stop();
    assert!(!node.socket().exists(), "the socket is gone with the node");
    node.start_again();
    let client = node.client();
    ended_well(&client.wait(&running).await.unwrap());
    let ran = client.wait(&queued).await.unwrap();
    ended_well(&ran);
    assert_eq!(ran.attempts, 1);
}
