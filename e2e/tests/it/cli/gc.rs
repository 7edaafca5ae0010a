//! Garbage collection beside a node takes nothing that a task needs.

use std::fs;

use vyr_model::Digest;

use crate::support::{Node, Submit, ended_well, stdout};

#[tokio::test]
async fn inputs_of_waiting_tasks_and_outputs_of_kept_ones_stay() {
    let mut node = Node::with(["--max-running", "1"]);
    let client = node.client();
    let (sleep, echo, files) = (node.put("sleep"), node.put("echo"), node.put("out-files"));
    let put = async |bytes: &'static [u8]| {
        let digest = Digest::of(bytes);
        client.put_blob(digest, bytes.len() as u64, bytes).await.unwrap();
        digest
    };
    let (input, stray) = (put(b"the input").await, put(b"nobody's").await);
    let ended = Submit::new(&files).run(&client).await;
    ended_well(&ended);
    let blocker = Submit::new(&sleep).send(&client).await;
    let waits = Submit::new(&echo).input(&input.to_string()).send(&client).await;

    let gc = || node.cli().args(["artifact", "gc", "--min-age", "0s"]).json().remove(0);
    assert_eq!(gc()["removed"], 1, "the stray blob alone");
    assert!(client.get_small_blob(stray, 100).await.is_err());
    for output in ended.files.iter().chain(ended.stdout.as_option()) {
        client.get_small_blob(output.digest.parse().unwrap(), 1 << 20).await.unwrap();
    }
    node.cli().args(["task", "cancel", &blocker]).ok();
    let status = client.wait(&waits).await.unwrap();
    ended_well(&status);
    assert_eq!(stdout(&client, &status).await, b"the input");

    // the echo's output is its input: with the record gone nobody needs it
    node.stop();
    fs::remove_dir_all(node.home().join("record")).unwrap();
    assert!(gc_alone(&node) > 0);
}

fn gc_alone(node: &Node) -> u64 {
    let report = node.cli().args(["artifact", "gc", "--min-age", "0s"]).json();
    report[0]["removed"].as_u64().unwrap()
}

#[tokio::test]
async fn what_is_removed_is_run_no_more() {
    let node = Node::with(["--trust", "warn"]);
    let client = node.client();
    let noop = node.put("noop");
    ended_well(&Submit::new(&noop).run(&client).await);
    node.cli().args(["artifact", "gc", "--remove", &noop]).ok();
    // its blobs are young and stay, and its code is in the node's memory
    let refused = client.submit_task(Submit::new(&noop).request()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("ARTIFACT_NOT_FOUND"));
    assert_eq!(node.put("noop"), noop);
    ended_well(&Submit::new(&noop).run(&client).await);
}
