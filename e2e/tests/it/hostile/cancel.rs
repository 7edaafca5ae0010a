//! Cancel, wherever a task stands.

use vyr_sdk::{
    Client,
    control::{CancelTaskRequest, StreamTracesRequest, TaskState, TraceFilter},
};

use crate::support::{Node, Submit, ended_well, shown, stdout, until};

async fn cancel(client: &Client, task: &str) -> TaskState {
    let request = CancelTaskRequest { task_id: task.to_owned(), ..Default::default() };
    client.cancel_task(request).await.unwrap().state.as_known().unwrap()
}

/// Waits until the guest itself has written `line`: it is then past its start for sure.
async fn says(node: &Node, task: &str, line: &str) {
    until("the guest speaks", || {
        let mut child = std::process::Command::new("curl");
        child.args(["--silent", "--no-buffer", "--max-time", "1", "--unix-socket"]).arg(node.socket());
        let output = child.arg(format!("http://localhost/tasks/{task}/stdout")).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains(line)
    });
}

#[tokio::test]
async fn running_and_blocked_guests_are_cancelled() {
    let node = Node::start();
    let client = node.client();
    for (name, line) in
        [("spin", "spinning"), ("spin.p1", "spinning"), ("sleep", "sleeping"), ("sleep.p1", "sleeping")]
    {
        let task = Submit::new(&node.put(name)).send(&client).await;
        says(&node, &task, line).await;
        assert_eq!(cancel(&client, &task).await, TaskState::Running, "{name}");
        let status = client.wait(&task).await.unwrap();
        assert_eq!(status.state.as_known(), Some(TaskState::Cancelled), "{name}: {}", shown(&status));
        // what it wrote before is kept
        assert_eq!(stdout(&client, &status).await, format!("{line}\n").into_bytes(), "{name}");
        assert_eq!(cancel(&client, &task).await, TaskState::Cancelled, "{name}");
    }
    ended_well(&Submit::new(&node.put("noop")).run(&client).await);
}

#[tokio::test]
async fn a_queued_task_is_cancelled_and_never_runs() {
    let node = Node::with(["--max-running", "1"]);
    let client = node.client();
    let blocker = Submit::new(&node.put("sleep")).send(&client).await;
    says(&node, &blocker, "sleeping").await;
    let noop = Submit::new(&node.put("noop"));
    let (first, second) = (noop.send(&client).await, noop.send(&client).await);
    assert_eq!(cancel(&client, &first).await, TaskState::Cancelled);
    cancel(&client, &blocker).await;
    ended_well(&client.wait(&second).await.unwrap());
    let status = client.wait(&first).await.unwrap();
    assert_eq!((status.state.as_known(), status.attempts), (Some(TaskState::Cancelled), 0));
    assert!(!status.start_time.is_set(), "{}", shown(&status));
}

/// A cancel of one must cost its neighbours nothing: they all end as they would have.
#[tokio::test]
async fn neighbours_of_a_cancelled_guest_go_on() {
    let node = Node::start();
    let client = node.client();
    let (spin, sleep) = (node.put("spin"), Submit::new(&node.put("sleep")).args(["400"]));
    let neighbours = futures::future::join_all((0..8).map(|_| sleep.send(&client))).await;
    for _ in 0..10 {
        let task = Submit::new(&spin).send(&client).await;
        cancel(&client, &task).await;
        let status = client.wait(&task).await.unwrap();
        assert_eq!(status.state.as_known(), Some(TaskState::Cancelled), "{}", shown(&status));
    }
    for neighbour in neighbours {
        ended_well(&client.wait(&neighbour).await.unwrap());
    }
}

#[tokio::test]
async fn a_cancel_is_in_the_trace() {
    let node = Node::start();
    let client = node.client();
    let task = Submit::new(&node.put("sleep")).send(&client).await;
    says(&node, &task, "sleeping").await;
    cancel(&client, &task).await;
    client.wait(&task).await.unwrap();
    let filter = TraceFilter { task_ids: vec![task], ..Default::default() };
    let request = StreamTracesRequest { filter: filter.into(), ..Default::default() };
    let mut stream = client.stream_traces(request).await.unwrap();
    let message = stream.next().await.unwrap().unwrap();
    let spans = String::from_utf8_lossy(&message.traces_data).into_owned();
    assert!(spans.contains("vyr.cancel") && spans.contains("vyr.terminal"));
}
