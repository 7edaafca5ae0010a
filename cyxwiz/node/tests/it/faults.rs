//! Connections that break, servers that go away, attempts that are no longer the node's.

use cyxwiz_proto::v1;
use cyxwiz_proto::v1::LogStream;

use crate::guest::{Do, program};
use crate::market::Market;
use crate::node::Node;

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_kills_nothing_and_loses_nothing() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    let mut steps = vec![Do::Out("first\n".into())];
    for n in 0..20 {
        steps.push(Do::Sleep(100));
        steps.push(Do::Out(format!("line {n}\n")));
    }
    steps.push(Do::File(4, "out", "made in the dark".into()));
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("line 2").then_some(())).await;
    market.go_down();
    node.until_log("the script is gone").await;
    market.come_up();
    let finished = market.finished(&id).await;
    assert_eq!(finished.ending.reason, "succeeded");
    market.told(|told| {
        let lines: String = (0..20).map(|n| format!("line {n}\n")).collect();
        assert_eq!(told.output(&id, LogStream::Stdout), format!("first\n{lines}"));
        assert_eq!(told.step_names(&id), ["files", "started", "exited", "finished"]);
        assert!(told.uploaded("output", "out").is_some());
    });
    let hello = market.until("a second hello", |told| told.hellos.get(1).cloned()).await;
    assert!(hello.attempt_ids.is_empty() || hello.attempt_ids == [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_attempt_stands_in_the_next_hello_and_may_be_dropped() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    let steps = [Do::Out("on\n".into()), Do::Forever(vec![Do::Sleep(50)])];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
    market
        .until("usage", |told| {
            told.beats
                .iter()
                .any(|beat| beat.attempts.iter().any(|usage| usage.attempt_id == id))
                .then_some(())
        })
        .await;
    market.change(|told| told.dropped.push(id.clone()));
    market.go_down();
    market.come_up();
    let hello = market.until("a second hello", |told| told.hellos.get(1).cloned()).await;
    assert_eq!(hello.attempt_ids, std::slice::from_ref(&id));
    gone(&node).await;
    assert_eq!(market.told(|told| told.step_names(&id)), ["files", "started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_epoch_or_a_fence_ends_an_attempt_without_a_word() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    let steps = [Do::Out("on\n".into()), Do::Forever(vec![Do::Sleep(100), Do::Out("tick\n".into())])];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
    market.change(|told| told.fenced.push(id.clone()));
    gone(&node).await;
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
    market.say(v1::Stop {
        attempt_id: id.clone(),
        epoch: 1,
        reason: "fenced".to_owned(),
        ..Default::default()
    });
    gone(&node).await;
    assert_eq!(market.told(|told| told.step_names(&id)), ["files", "started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_slots_is_refused() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    let steps = [Do::Forever(vec![Do::Sleep(50)])];
    for _ in 0..4 {
        market.assign(market.wasm(&program(&steps), &[])).await;
    }
    let fifth = market.wasm(&program(&steps), &[]);
    let id = fifth.attempt_id.clone();
    market.say(fifth);
    let answer = market
        .until("a refusal", |told| told.answers.iter().find(|answer| answer.attempt_id == id).cloned())
        .await;
    assert!(!answer.accepted && answer.reason.contains("all 4 processor slots"), "{}", answer.reason);
}

/// Waits until no attempt's folder is left.
async fn gone(node: &Node) {
    for _ in 0..600 {
        if node.attempts().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("left behind: {:?}", node.attempts());
}
