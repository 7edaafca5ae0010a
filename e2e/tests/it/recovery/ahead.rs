//! Guests that run ahead of their own record: nobody hears of them before the disk has them, and
//! nothing of them is left where it refuses. Kills of them are in `storm`.

use std::{fs, path::Path};

use futures::FutureExt as _;
use vyr_sdk::{
    Client,
    control::{StreamTracesRequest, StreamTracesResponse, TaskState, TaskStatus},
};

use super::sync::{broken_disk, unavailable, until_taken};
use crate::support::{Node, Submit, ended_well, shown, stdout, until};

fn started(node: &Node) -> f64 {
    node.metric("vyr.tasks.started", None)
}

fn follow() -> StreamTracesRequest {
    StreamTracesRequest { follow: true, no_history: true, ..Default::default() }
}

/// Whether the message's spans are of this task.
fn speaks_of(message: &StreamTracesResponse, status: &TaskStatus) -> bool {
    let trace = u128::from_str_radix(&status.trace_id, 16).unwrap().to_be_bytes();
    message.traces_data.windows(trace.len()).any(|bytes| bytes == trace)
}

/// Submits while every sync hangs, and waits until the guest has run all the same.
async fn run_unrecorded(
    node: &Node,
    dir: &Path,
    submit: &Submit,
) -> tokio::task::JoinHandle<Result<vyr_sdk::control::SubmitTaskResponse, vyr_sdk::SdkError>> {
    let before = started(node);
    fs::write(dir.join("broken.hangs"), "").unwrap();
    let (client, request) = (node.client(), submit.request());
    let answer = tokio::spawn(async move { client.submit_task(request).await });
    tokio::task::yield_now().await;
    until("the guest ran", || started(node) > before);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_of_a_run_before_it_is_recorded() {
    let dir = crate::support::folder();
    let mut node = broken_disk(dir.path(), &[]);
    let client = node.client();
    let speaks = Submit::new(&node.put("echo")).input(&put_text(&client, "said").await);
    // as a task that is loaded, and as one that is expected to end at once
    let mut before = Vec::new();
    for _ in 0..3 {
        let status = speaks.run(&client).await;
        ended_well(&status);
        before.push(status);
    }
    let mut stream = client.stream_traces(follow()).await.unwrap();
    let answer = run_unrecorded(&node, dir.path(), &speaks).await;
    assert!(!answer.is_finished(), "nothing is acknowledged before it is on disk");
    // the end of the last of them may have come after the stream was opened
    while let Some(message) = stream.next().now_or_never() {
        let message = message.unwrap().unwrap();
        let told = |id: &str| before.iter().any(|status| status.task_id == id);
        let known = message.tasks.iter().all(|status| told(&status.task_id));
        let spans = message.traces_data.is_empty() || before.iter().any(|status| speaks_of(&message, status));
        assert!(known && spans, "nothing is told before it is on disk: {message:?}");
    }

    fs::remove_file(dir.path().join("broken.hangs")).unwrap();
    let task = answer.await.unwrap().unwrap().task_id;
    let mut states = Vec::new();
    while !states.contains(&TaskState::Succeeded) {
        let message = stream.next().await.unwrap().unwrap();
        assert!(message.tasks.iter().all(|status| status.task_id == task));
        states.extend(message.tasks.iter().map(|status| status.state.as_known().unwrap()));
    }
    let life = [TaskState::Queued, TaskState::Starting, TaskState::Running, TaskState::Succeeded];
    assert_eq!(states, life, "told late, and whole");
    let status = client.wait(&task).await.unwrap();
    assert_eq!(stdout(&client, &status).await, b"said");
    node.kill();
    node.start_again();
    let after = node.client().wait(&task).await.unwrap();
    assert_eq!(shown(&after), shown(&status));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_disk_refuses_never_was() {
    let dir = crate::support::folder();
    let mut node = broken_disk(dir.path(), &[]);
    let client = node.client();
    let noop = Submit::new(&node.put("noop"));
    let kept = noop.send(&client).await;
    ended_well(&client.wait(&kept).await.unwrap());
    let mut stream = client.stream_traces(follow()).await.unwrap();
    let key = noop.clone().key("once");
    let answer = run_unrecorded(&node, dir.path(), &key).await;
    fs::write(dir.path().join("broken"), "").unwrap();
    fs::remove_file(dir.path().join("broken.hangs")).unwrap();
    unavailable(&answer.await.unwrap().unwrap_err());
    until("its runner is free", || node.metric("vyr.tasks.running", None) < 0.5);
    fs::remove_file(dir.path().join("broken")).unwrap();

    // the key is free, and the next task is the first that anybody hears of
    let again = until_taken(&client, &key).await;
    let first = stream.next().await.unwrap().unwrap();
    assert!(first.tasks.iter().all(|status| status.task_id == again), "{:?}", first.tasks);
    ended_well(&client.wait(&again).await.unwrap());
    for restarts in [true, false] {
        let known: Vec<_> = node.cli().args(["task", "ls"]).json();
        assert_eq!(known.len(), 2, "{known:?}");
        if restarts {
            node.kill();
            node.start_again();
        }
    }
    assert!(!node.log().contains("damaged"), "{}", node.log());
}

/// A guest with a way out waits for its start to be on disk, as ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_with_a_folder_waits_for_the_disk() {
    let dir = crate::support::folder();
    let node = broken_disk(dir.path(), &[]);
    let client = node.client();
    let noop = Submit::new(&node.put("noop"));
    ended_well(&noop.run(&client).await);
    let before = started(&node);
    fs::write(dir.path().join("broken.hangs"), "").unwrap();
    let (reaches, request) = (noop.clone().dir(dir.path(), "/host"), client.clone());
    let waits = tokio::spawn(async move { request.submit_task(reaches.request()).await });
    until("it is about to start", || node.metric("vyr.tasks.running", None) > 0.5);
    assert!(started(&node) < before + 0.5, "it did not run");
    fs::write(dir.path().join("broken"), "").unwrap();
    fs::remove_file(dir.path().join("broken.hangs")).unwrap();
    unavailable(&waits.await.unwrap().unwrap_err());
    assert!(started(&node) < before + 0.5, "and never did");
}

async fn put_text(client: &Client, text: &str) -> String {
    let digest = vyr_model::Digest::of(text.as_bytes());
    let size = u64::try_from(text.len()).unwrap();
    client.put_blob(digest, size, std::io::Cursor::new(text.to_owned().into_bytes())).await.unwrap();
    digest.to_string()
}
