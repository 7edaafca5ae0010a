//! The collector goes away and comes back: tasks never notice, and what is lost is counted.

use std::time::{Duration, Instant};

use vyr_sdk::Client;

use super::collector::{Collector, Protocol};
use crate::support::{Node, Submit, ended_well, until};

async fn run(client: &Client, noop: &Submit, count: usize) {
    for status in futures::future::join_all((0..count).map(|_| noop.run(client))).await {
        ended_well(&status);
    }
}

/// Spans that waited, were taken, or were given up: together, all that there were.
fn figures(node: &Node) -> [f64; 3] {
    ["queued", "sent", "dropped"].map(|what| node.metric(&format!("vyr.export.spans.{what}"), None))
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
    until("the failure shows", || node.metric("vyr.export.failures", None) >= 1.0);
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

/// The most that the queue says it holds: its own 65,536 spans, and a batch in flight, that is 4,096 spans
/// and what is left of the trace that filled it.
const MOST_WAITING: f64 = 65_536.0 + 4_096.0 + 32.0;
/// What the node may take in all while nobody takes its spans. A full queue is some 60 MiB of them.
const MOST_MEMORY: u64 = 512 << 20;
/// What it may grow by once the queue is full: traces of tasks that have not ended, and the allocator's slack.
const MOST_GROWTH: u64 = 96 << 20;

/// More spans than the queue holds: memory is bounded, what does not fit is counted, and once the collector is
/// there, all of it is told.
///
/// Goes on for `time` after the first span was dropped.
pub(super) async fn long_outage(time: Duration) {
    let mut collector = Collector::new();
    let node = collector.node(Protocol::Http);
    let client = node.client();
    let noop = Submit::new(&node.put("noop")).volatile();
    // some ten spans a task; the queue holds 65,536
    while figures(&node)[2] < 1.0 {
        run(&client, &noop, 500).await;
    }
    let (full, began, before) = (node.memory_peak(), Instant::now(), figures(&node)[2]);
    let mut last_dropped = before;
    // as many again as the queue holds, at least
    while began.elapsed() < time || last_dropped < before + 65_536.0 {
        run(&client, &noop, 500).await;
        let [waiting, sent, dropped] = figures(&node);
        assert!(waiting <= MOST_WAITING && sent < 1.0, "{waiting} wait, {sent} sent");
        assert!(dropped > last_dropped, "what is lost is counted");
        last_dropped = dropped;
    }
    let peak = node.memory_peak();
    assert!(peak <= MOST_MEMORY, "{peak} bytes at most");
    // the kernel sums it up from the processors now and then: it may come out a little lower
    assert!(peak.saturating_sub(full) <= MOST_GROWTH, "{full} bytes with a full queue, {peak} bytes after");

    collector.start();
    let [waiting, _, dropped] = figures(&node);
    until("what waited is taken", || figures(&node)[0] < 1.0);
    let [_, sent, dropped_after] = figures(&node);
    assert!(sent >= waiting - (dropped_after - dropped), "{waiting} waited, {sent} were taken");
    let last = noop.run(&client).await;
    ended_well(&last);
    until("new spans arrive", || collector.said().contains(&last.trace_id));
    assert!(figures(&node)[2] <= dropped_after, "nothing is dropped any more");
    assert!(node.memory_peak() <= MOST_MEMORY, "{} bytes at most", node.memory_peak());
}

#[tokio::test]
async fn a_long_outage_drops_counts_and_ends() {
    long_outage(Duration::ZERO).await;
}
