//! Nodes that do not say what is.

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::{self, JobState};

use super::bazaar::{Bazaar, reason};
use super::node::{Node, answer, enrolment};
use super::work::{ending, started};
use crate::support::Key;

#[tokio::test]
async fn a_manifest_that_lies_is_the_nodes_failure() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.max_attempts = 1;
    let job = bazaar.submit(spec, 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    let mut output = node.upload(&bazaar, &work, ("output", "model.pt"), b"weights", None).await;
    output.sha256 = vec![9; 32];
    node.finish(&work, "succeeded", vec![output]).await;
    let done = bazaar.until(&job.id, JobState::Refunded).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "bad_result");
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    bazaar.close().await;
}

#[tokio::test]
async fn an_expected_output_that_is_missing_is_no_success() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.expected_outputs = vec!["model.pt".to_owned()];
    let job = bazaar.submit(spec, 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.finish(&work, "succeeded", vec![]).await;
    let done = bazaar.until(&job.id, JobState::Refunded).await;
    let ending = done.ending.as_option().unwrap();
    assert_eq!(ending.reason, "no_output");
    assert!(ending.message.contains("model.pt"), "{}", ending.message);
    bazaar.close().await;
}

#[tokio::test]
async fn a_node_is_not_paid_for_a_stop_that_nobody_asked_for() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.max_attempts = 1;
    let job = bazaar.submit(spec, 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 60).await;
    node.finish(&work, "timeout", vec![]).await;
    let done = bazaar.until(&job.id, JobState::Refunded).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "node_error");
    bazaar.close().await;
}

#[tokio::test]
async fn a_report_told_again_changes_nothing_and_anothers_is_refused() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let thief = Node::enrolled(&bazaar, 22, 0).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    let stolen = thief.report(&work, started()).await.unwrap_err();
    assert_eq!(reason(&stolen), v1::Reason::REASON_NOT_FOUND);
    node.pass(&bazaar, 20).await;
    // a second start does not start the meter anew
    node.report(&work, started()).await.unwrap();
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(10);
    node.report(&work, v1::Finished { ending: ending("exit").into(), ..Default::default() }).await.unwrap();
    let same = bazaar.job(&job.id).await;
    assert_eq!(same.ending.as_option().unwrap().reason, "succeeded");
    assert_eq!(same.cost.as_option().unwrap().metered_ms, 20_000);
    bazaar.close().await;
}

#[tokio::test]
async fn only_who_was_asked_takes_an_attempt_and_only_as_it_was_asked() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.assignment().await;
    let mut thief = Node::stand_by(&bazaar, 22).await;
    let later = v1::Assignment { epoch: work.epoch + 1, ..work.clone() };
    // a stream's messages are taken in their order: after the beat the answer is written, if ever
    thief.answer(&work, true).await;
    thief.working.clear();
    thief.beat().await;
    node.answer(&later, true).await;
    node.working.clear();
    node.beat().await;
    assert_eq!(bazaar.job(&job.id).await.state.as_known(), Some(JobState::Assigned));
    // both at once
    node.answer(&work, true).await;
    thief.answer(&work, true).await;
    thief.working.clear();
    thief.beat().await;
    let taken = bazaar.until(&job.id, JobState::Preparing).await;
    assert_eq!(taken.attempts.len(), 1);
    // told again it is no news
    node.answer(&work, true).await;
    node.beat().await;
    let used: i32 = sqlx::query_scalar("SELECT attempts_used FROM jobs")
        .fetch_one(bazaar.world.db().pool())
        .await
        .unwrap();
    assert_eq!(used, 1);
    bazaar.close().await;
}

#[tokio::test]
async fn time_without_beats_is_not_charged() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 20).await;
    bazaar.advance(15);
    node.beat().await;
    node.pass(&bazaar, 10).await;
    node.finish(&work, "succeeded", vec![]).await;
    let done = bazaar.until(&job.id, JobState::Verifying).await;
    assert_eq!(done.cost.as_option().unwrap().metered_ms, 30_000);
    bazaar.close().await;
}

#[tokio::test]
async fn a_benchmark_with_a_wrong_answer_confirms_nothing() {
    let bazaar = Bazaar::open().await;
    let session = bazaar.world.sign_in(&Key::of(30), "ROLE_NODE").await;
    let calls = v1::NodeServiceClient::new(Bazaar::transport(), bazaar.config(0, &session.access));
    let payout = solana_signer::Signer::pubkey(&solana_keypair::Keypair::new());
    let enrolled = calls.enrol_node(enrolment(&payout)).await.unwrap().into_owned();
    let mut wrong = answer(enrolled.benchmark.as_option().unwrap(), 2);
    wrong.output[0] ^= 1;
    let report = calls.report_benchmark(wrong).await.unwrap().into_owned();
    assert!(!report.confirmed);
    assert_eq!(report.message, "the answer is wrong");
    let node = report.node.into_option().unwrap();
    assert!(!node.available);
    assert_eq!(node.unavailable_because, "its hardware was not confirmed: the answer is wrong");
    // fewer threads than processors were claimed
    let again = calls.enrol_node(enrolment(&payout)).await.unwrap().into_owned();
    let few = answer(again.benchmark.as_option().unwrap(), 1);
    let report = calls.report_benchmark(few).await.unwrap().into_owned();
    assert_eq!(report.message, "1 threads were used, 2 were asked for");
    bazaar.close().await;
}

#[tokio::test]
async fn what_time_a_node_thinks_it_is_counts_for_nothing() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 2_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    for (key, off) in [("ahead", 1800), ("behind", -1800)] {
        let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, key).await;
        let work = node.start(&bazaar).await;
        node.pass(&bazaar, 30).await;
        let seconds = bazaar.world.clock.now().0 / 1000 + off;
        let at = buffa_types::google::protobuf::Timestamp { seconds, ..Default::default() };
        let exited = v1::Exited { ending: ending("succeeded").into(), at: at.into(), ..Default::default() };
        node.report(&work, exited).await.unwrap();
        node.finish(&work, "succeeded", vec![]).await;
        bazaar.until(&job.id, JobState::Verifying).await;
        bazaar.advance(61);
        let done = bazaar.until(&job.id, JobState::Completed).await;
        assert_eq!(done.cost.as_option().unwrap().charged, 30_000, "{key}");
        node.beat().await;
    }
    bazaar.no_alarms().await;
    bazaar.close().await;
}
