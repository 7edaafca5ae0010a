//! The agent dies, or is stopped, in the middle of things.

use cyxwiz_proto::v1::__buffa::oneof::report_attempt_request::Step;
use cyxwiz_proto::v1::LogStream;

use crate::guest::{Do, program};
use crate::market::Market;
use crate::node::{Node, names};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_reports_what_it_left_behind() {
    let market = Market::start().await;
    let mut node = Node::run(&market).await;
    let steps = [
        Do::File(5, "ckpt", "precious".into()),
        Do::File(4, "half", "x".into()),
        Do::Out("on\n".into()),
        Do::Forever(vec![Do::Sleep(50)]),
    ];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
    market
        .until("the start", |told| told.step_names(&id).contains(&"started".to_owned()).then_some(()))
        .await;
    node.kill().await;
    node.start();
    let finished = market.finished(&id).await;
    assert_eq!(finished.ending.reason, "node_error");
    assert!(finished.ending.message.contains("restarted"), "{}", finished.ending.message);
    assert!(finished.outputs.is_empty());
    market.told(|told| {
        let steps = told.step_names(&id);
        assert_eq!(steps.last().map(String::as_str), Some("finished"));
        assert!(steps.contains(&"exited".to_owned()), "{steps:?}");
        assert_eq!(told.uploaded("checkpoint", "ckpt").as_deref(), Some(b"precious".as_slice()));
        assert!(told.steps(&id).iter().any(|step| matches!(step, Step::Checkpoint(_))));
        assert!(told.output(&id, LogStream::System).contains("restarted"));
        assert!(told.hellos.iter().any(|hello| hello.attempt_ids == [id.clone()]));
    });
    // the node takes work as before, and nothing is left
    let id = market.assign(market.wasm(&program(&[Do::Out("again\n".into())]), &[])).await;
    assert_eq!(market.finished(&id).await.ending.reason, "succeeded");
    node.stop().await;
    assert!(node.attempts().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_of_a_script_that_had_ended_arrive_after_a_kill() {
    let market = Market::start().await;
    let mut node = Node::run(&market).await;
    let steps = [Do::File(4, "out", "result".into()), Do::Out("bye\n".into()), Do::Sleep(1500)];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market
        .until("the start", |told| told.step_names(&id).contains(&"started".to_owned()).then_some(()))
        .await;
    // nothing of the end gets through
    market.go_down();
    node.until_log("the script is gone").await;
    node.kill().await;
    market.come_up();
    node.start();
    let finished = market.finished(&id).await;
    assert_eq!((finished.ending.reason.as_str(), finished.outputs.len()), ("succeeded", 1));
    market.told(|told| {
        assert_eq!(told.uploaded("output", "out").as_deref(), Some(b"result".as_slice()));
        assert_eq!(told.output(&id, LogStream::Stdout), "bye\n");
        assert_eq!(told.step_names(&id), ["files", "started", "exited", "finished"]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_and_reports_what_runs() {
    let market = Market::start().await;
    let mut node = Node::run(&market).await;
    let steps =
        [Do::File(5, "ckpt", "saved".into()), Do::Out("on\n".into()), Do::Forever(vec![Do::Sleep(50)])];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
    assert_eq!(node.stop().await, Some(0), "{}", node.log());
    market.told(|told| {
        let Some(Step::Finished(finished)) = told.steps(&id).into_iter().last() else { panic!() };
        assert_eq!(finished.ending.reason, "node_error");
        assert!(told.uploaded("checkpoint", "ckpt").is_some());
    });
    assert!(node.attempts().is_empty());
    assert!(!names(&node.home().join("vyr")).contains(&"vyr.sock".to_owned()));
}
