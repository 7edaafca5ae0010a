//! An end that one caller was told of is there for every other call.

use vyr_sdk::control::{CancelTaskRequest, TaskState};

use crate::support::{Node, Submit, ended_well};

/// Tasks at a time, each with a watcher of its own.
const WATCHED: usize = 100;
/// So many times.
const ROUNDS: usize = 20;

/// Watchers that begin while their tasks end: some hear of the end from the record, some live. None is left without,
/// and whoever heard of it finds the task ended where he asks next.
#[tokio::test]
async fn are_told_to_who_begins_to_watch_meanwhile() {
    let node = Node::with(["--max-running", "8"]);
    let client = node.client();
    let noop = node.put("noop");
    let (durable, volatile) = (Submit::new(&noop), Submit::new(&noop).volatile());
    for _ in 0..ROUNDS {
        let tasks = [&durable, &volatile].into_iter().cycle().take(WATCHED);
        let watched = tasks.map(|submit| async {
            let task = submit.send(&client).await;
            ended_well(&client.wait(&task).await.unwrap());
            let request = CancelTaskRequest { task_id: task, ..Default::default() };
            let told = client.cancel_task(request).await.unwrap();
            assert_eq!(told.state.as_known(), Some(TaskState::Succeeded));
        });
        futures::future::join_all(watched).await;
    }
}
