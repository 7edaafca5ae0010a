//! Compiled code: quick for the first tasks, better for later ones, refused where it is not as we wrote it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use opentelemetry_proto::tonic::{common::v1::any_value::Value, trace::v1::TracesData};
use prost::Message as _;
use vyr_sdk::control::{StreamTracesRequest, TaskStatus, TraceFilter};

use crate::support::{Node, Submit, ended_well, until};

fn code(node: &Node) -> Vec<PathBuf> {
    let entries = fs::read_dir(node.home().join("aot")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

fn tamper(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

async fn run(node: &Node, submit: &Submit) -> TaskStatus {
    let status = submit.run(&node.client()).await;
    ended_well(&status);
    status
}

/// The level of the code that a task loaded; `None` where it was in memory.
async fn loaded(node: &Node, task: &TaskStatus) -> Option<String> {
    let filter = TraceFilter { task_ids: vec![task.task_id.clone()], ..Default::default() };
    let request = StreamTracesRequest { filter: filter.into(), ..Default::default() };
    let mut stream = node.client().stream_traces(request).await.unwrap();
    while let Some(message) = stream.next().await.unwrap() {
        let data = TracesData::decode(message.traces_data.as_slice()).unwrap();
        let scopes = data.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let facts = scopes.flat_map(|scope| scope.spans).flat_map(|span| span.attributes);
        for fact in facts.filter(|fact| fact.key == "vyr.code.level") {
            if let Some(Value::StringValue(level)) = fact.value.unwrap().value {
                return Some(level);
            }
        }
    }
    None
}

/// Runs a task of code that was never compiled, and waits until there is better code in place of the first.
async fn improved(node: &Node, submit: &Submit) {
    let first = run(node, submit).await;
    assert_eq!(loaded(node, &first).await.as_deref(), Some("quick"));
    until("code is kept", || !code(node).is_empty());
    let quick = code(node);
    until("better code is kept in place of it", || {
        let now = code(node);
        now.len() == 1 && now != quick
    });
    let second = run(node, submit).await;
    assert_eq!(loaded(node, &second).await, None, "it is in memory");
    assert_eq!(first.stdout, second.stdout);
}

#[tokio::test]
async fn is_quick_for_the_first_task_and_better_for_later_ones() {
    let mut node = Node::start();
    let noop = Submit::new(&node.put("noop"));
    improved(&node, &noop).await;
    node.stop();
    node.start_again();
    let cold = run(&node, &noop).await;
    assert_eq!(loaded(&node, &cold).await.as_deref(), Some("full"));
}

#[tokio::test]
async fn is_the_best_at_once_where_that_is_asked_for_or_it_must_be_repeatable() {
    let node = Node::with(["--no-quick-code"]);
    let task = run(&node, &Submit::new(&node.put("noop"))).await;
    assert_eq!(loaded(&node, &task).await.as_deref(), Some("full"));
    let node = Node::start();
    let repeatable = Submit::new(&node.put("noop")).limits(|limits| limits.fuel = 1_000_000_000);
    let task = run(&node, &repeatable).await;
    assert_eq!(loaded(&node, &task).await.as_deref(), Some("full"));
}

#[tokio::test]
async fn that_was_tampered_with_is_compiled_anew() {
    let mut node = Node::start();
    let noop = Submit::new(&node.put("noop"));
    for wait_for_better in [false, true] {
        if wait_for_better {
            improved(&node, &noop).await;
        } else {
            run(&node, &noop).await;
        }
        node.stop();
        let code = code(&node);
        assert!(!code.is_empty());
        code.iter().for_each(|path| tamper(path));
        node.start_again();
        let task = run(&node, &noop).await;
        assert_eq!(loaded(&node, &task).await.as_deref(), Some("quick"));
        assert!(node.log().contains("tampered"), "{}", node.log());
        node.stop();
        for path in self::code(&node) {
            fs::remove_file(path).unwrap();
        }
        node.start_again();
    }
}

#[tokio::test]
async fn is_made_better_after_a_kill_too() {
    let mut node = Node::start();
    let noop = Submit::new(&node.put("noop"));
    run(&node, &noop).await;
    until("code is kept", || !code(&node).is_empty());
    node.kill();
    node.start_again();
    run(&node, &noop).await;
    node.stop();
    node.start_again();
    for _ in 0..2 {
        run(&node, &noop).await;
    }
    until("one file is kept in the end", || code(&node).len() == 1);
}
