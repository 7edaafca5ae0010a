//! The spans of one task, and the coverage of all of them.

use vyr_sdk::control::{StreamTracesRequest, TraceFilter};

use super::collector::{Collector, Protocol};
use crate::support::{Node, Submit, ended_well, until};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

async fn arrive(protocol: Protocol) {
    let mut collector = Collector::new();
    collector.start();
    let node = collector.node(protocol);
    let client = node.client().with_traceparent(&format!("00-{TRACE}-{PARENT}-01"));
    let status = Submit::new(&node.put("noop")).run(&client).await;
    ended_well(&status);
    assert_eq!(status.trace_id, TRACE);
    // every span that the node itself tells of is at the collector
    let spans = own_spans(&node, &status.task_id).await;
    assert!(spans.len() >= 10, "{spans:?}");
    until("the spans arrive", || spans.iter().all(|(_, id)| collector.said().contains(id)));
    let said = collector.said();
    for (name, _) in &spans {
        assert!(said.contains(name.as_str()), "{name}");
    }
    assert!(said.contains(TRACE), "the caller's trace");
    assert!(said.contains(PARENT), "the caller's span is the parent of the task's");
    assert!(said.contains("vyr-node"), "{}", collector.log().display());
    until("metrics arrive", || collector.said().contains("vyr.trace.coverage"));
}

/// Returns name and id of each span of a task, by the node's own stream.
async fn own_spans(node: &Node, task: &str) -> Vec<(String, String)> {
    use opentelemetry_proto::tonic::trace::v1::TracesData;
    use prost::Message as _;
    let filter = TraceFilter { task_ids: vec![task.to_owned()], ..Default::default() };
    let request = StreamTracesRequest { filter: filter.into(), ..Default::default() };
    let mut stream = node.client().stream_traces(request).await.unwrap();
    let mut spans = Vec::new();
    while let Some(message) = stream.next().await.unwrap() {
        let data = TracesData::decode(message.traces_data.as_slice()).unwrap();
        let scopes = data.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            assert_eq!(hex(&span.trace_id), TRACE);
            if span.name == "vyr.task" {
                assert_eq!(hex(&span.parent_span_id), PARENT);
            }
            spans.push((span.name, hex(&span.span_id)));
        }
    }
    spans
}

#[tokio::test]
async fn of_a_task_arrive_over_http() {
    arrive(Protocol::Http).await;
}

#[tokio::test]
async fn of_a_task_arrive_over_grpc() {
    arrive(Protocol::Grpc).await;
}

/// Tasks of every kind of end: no edge is passed without a span.
#[tokio::test]
async fn explain_every_edge_that_was_passed() {
    use std::time::Duration;
    use vyr_sdk::control::{BindMode, CancelTaskRequest};
    let mut node = Node::start();
    let client = node.client();
    let [noop, trap, sleep, spin] = ["noop", "trap", "sleep", "spin"].map(|name| node.put(name));
    let kv = node.put_with_states("kv", &["s"]);
    for _ in 0..3 {
        Submit::new(&noop).run(&client).await;
    }
    Submit::new(&noop).volatile().run(&client).await;
    Submit::new(&trap).run(&client).await;
    Submit::new(&spin).wall_time(Duration::from_millis(200)).run(&client).await;
    Submit::new(&kv).state("s", "", BindMode::Ro).hold_time(Duration::from_millis(50)).run(&client).await;
    let nothing = format!("sha256:{}", "0".repeat(64));
    client.submit_task(Submit::new(&nothing).request()).await.unwrap_err();
    let task = Submit::new(&sleep).send(&client).await;
    client.cancel_task(CancelTaskRequest { task_id: task.clone(), ..Default::default() }).await.unwrap();
    client.wait(&task).await.unwrap();
    let edges = |node: &Node| node.metric("vyr.trace.coverage", Some("edges"));
    assert!((edges(&node) - 1.0).abs() < f64::EPSILON, "{}", edges(&node));
    assert!(node.metric("vyr.tasks.accepted", None) >= 8.0);

    // recovery is an edge, too
    let running = Submit::new(&sleep).send(&client).await;
    let held = Submit::new(&kv).state("s", "", BindMode::Ro).send(&client).await;
    node.kill();
    node.start_again();
    let client = node.client();
    client.wait(&running).await.unwrap();
    client.cancel_task(CancelTaskRequest { task_id: held, ..Default::default() }).await.unwrap();
    Submit::new(&noop).run(&client).await;
    assert!((edges(&node) - 1.0).abs() < f64::EPSILON, "{}", edges(&node));
}
