//! The collector goes away and comes back: tasks never notice, and what is lost is counted.

use vyr_sdk::Client;

use super::{
    collector::{Collector, Protocol},
    spans::metric,
};
use crate::support::{Node, Submit, ended_well, until};

async fn run(client: &Client, noop: &Submit, count: usize) {
    for status in futures::future::join_all((0..count).map(|_| noop.run(client))).await {
        ended_well(&status);
    }
}

/// Spans that waited, were taken, or were given up: together, all that there were.
fn figures(node: &Node) -> [f64; 3] {
    ["queued", "sent", "dropped"].map(|what| metric(node, &format!("vyr.export.spans.{what}"), None))
}

async fn outage(protocol: Protocol) {
    let mut collector = Collector::new();
    collector.start();
    let node = collector.node(protocol);
    let client = node.client();
    let noop = Submit::new(&node.put("noop")).volatile();
    run(&client, &noop, 5).await;
    until("the first spans are taken", || figures(&node)[1] > 0.0 && figures(&node)[0] < 1.0);
    let [_, before, dropped] = figures(&node);
    assert!(dropped < 1.0);

    collector.kill();
    run(&client, &noop, 20).await;
    until("the failure shows", || metric(&node, "vyr.export.failures", None) >= 1.0);
    let [waiting, sent, _] = figures(&node);
    assert!(waiting >= 20.0 && (sent - before).abs() < 0.5, "{waiting} wait, {sent} sent");

    collector.start();
    until("what waited is taken", || figures(&node)[0] < 1.0);
    let [_, after, dropped] = figures(&node);
    assert!(after + dropped >= before + waiting, "nothing is lost without being counted");
    assert!(dropped < 1.0, "a short outage loses nothing: {dropped}");
    let last = noop.run(&client).await;
    until("new spans arrive", || collector.said().contains(&last.trace_id));
}

#[tokio::test]
async fn a_short_outage_over_http_loses_nothing() {
    outage(Protocol::Http).await;
}

#[tokio::test]
async fn a_short_outage_over_grpc_loses_nothing() {
    outage(Protocol::Grpc).await;
}

/// More spans than the queue holds: memory is bounded, what does not fit is counted.
#[tokio::test]
async fn a_long_outage_drops_and_counts() {
    let collector = Collector::new();
    let node = collector.node(Protocol::Http);
    let client = node.client();
    let noop = Submit::new(&node.put("noop")).volatile();
    // some ten spans a task; the queue holds 65,536
    while figures(&node)[2] < 1.0 {
        run(&client, &noop, 500).await;
    }
    let [waiting, sent, dropped] = figures(&node);
    assert!(waiting <= 65_536.0 + 4_096.0 && sent < 1.0 && dropped >= 1.0, "{waiting} {sent} {dropped}");
    ended_well(&noop.run(&client).await);
}
