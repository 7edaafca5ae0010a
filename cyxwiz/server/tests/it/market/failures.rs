//! Who pays when something fails.

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::{self, JobState};

use super::bazaar::{Bazaar, reason};
use super::node::Node;
use super::work::{ending, started};

#[tokio::test]
async fn a_scripts_own_fault_is_refunded_withheld_and_counted() {
    let bazaar = Bazaar::with(1, |settings| settings.refunded_compute_seconds = Some(100)).await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 120).await;
    let output = node.upload(&bazaar, &work, ("output", "part.txt"), b"half", None).await;
    node.finish(&work, "exit", vec![output]).await;
    let done = bazaar.until(&job.id, JobState::Refunded).await;
    let ending = done.ending.as_option().unwrap();
    assert_eq!(
        (ending.reason.as_str(), ending.exit_code, ending.outputs_delivered),
        ("exit", Some(1), false)
    );
    assert_eq!(ending.failure_class.as_known(), Some(v1::FailureClass::User));
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    assert_eq!(done.cost.as_option().unwrap().refund, 600_000);
    let results = v1::ListResultsRequest { job_id: job.id.clone(), ..Default::default() };
    let results = bazaar.jobs().list_results(results).await.unwrap().into_owned();
    assert!(results.files.is_empty() && results.withheld_because.contains("withheld"), "{results:?}");
    // 120 s of a day's 100 are used up
    let spec = Bazaar::spec(Coin::Usdc, 600);
    let estimate = v1::EstimateJobRequest { spec: spec.clone().into(), ..Default::default() };
    let quote = bazaar.jobs().estimate_job(estimate).await.unwrap().into_owned().quote;
    let file =
        v1::FileInfo { path: "train.py".to_owned(), size: 1, sha256: vec![0; 32], ..Default::default() };
    let again = v1::CreateJobRequest {
        spec: spec.into(),
        quote,
        files: vec![file],
        idempotency_key: "two".to_owned(),
        ..Default::default()
    };
    let refused = bazaar.jobs().create_job(again).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_QUOTA);
    let earned = node.calls.list_earnings(v1::ListEarningsRequest::default()).await.unwrap().into_owned();
    assert_eq!((earned.earnings[0].base_units, earned.earnings[0].state.as_str()), (0, "not paid: exit"));
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_nodes_failure_is_tried_elsewhere_and_costs_nothing() {
    let bazaar = Bazaar::funded().await;
    let mut first = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = first.start(&bazaar).await;
    let mut second = Node::stand_by(&bazaar, 22).await;
    first.finish(&work, "node_error", vec![]).await;
    let again = second.start(&bazaar).await;
    assert_eq!((again.job_id.as_str(), again.epoch), (job.id.as_str(), 2));
    // who failed is fenced
    let late = first.report(&work, started()).await.unwrap_err();
    assert_eq!(reason(&late), v1::Reason::REASON_STALE_EPOCH);
    second.pass(&bazaar, 10).await;
    second.finish(&again, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;
    assert_eq!(done.cost.as_option().unwrap().charged, 10_000);
    assert_eq!(bazaar.tokens(&second.payout).await, 9_000);
    assert_eq!(bazaar.tokens(&first.payout).await, 0);
    assert_eq!(done.attempts.len(), 2);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn after_the_last_attempt_everything_goes_back() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.max_attempts = 2;
    let job = bazaar.submit(spec, 0, 0, "one").await;
    for _ in 0..2 {
        let work = node.start(&bazaar).await;
        node.finish(&work, "node_error", vec![]).await;
        // the node is avoided for a while
        node.pass(&bazaar, 35).await;
    }
    let done = bazaar.until(&job.id, JobState::Refunded).await;
    assert_eq!(done.ending.as_option().unwrap().failure_class.as_known(), Some(v1::FailureClass::Node));
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_silent_nodes_job_goes_on_elsewhere_from_its_checkpoint() {
    let bazaar = Bazaar::funded().await;
    let mut first = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = first.start(&bazaar).await;
    assert!(work.checkpoint.is_empty());
    first.pass(&bazaar, 60).await;
    let state = first.upload(&bazaar, &work, ("checkpoint", "state.bin"), b"epoch 3", Some(1)).await;
    let checkpoint = v1::Checkpoint { number: 1, files: vec![state], ..Default::default() };
    first.report(&work, checkpoint).await.unwrap();
    // an unfinished one does not count
    first.upload(&bazaar, &work, ("checkpoint", "state.bin"), b"epoch 4", Some(2)).await;

    let mut second = Node::stand_by(&bazaar, 22).await;
    // a cut of fifteen seconds kills nothing, even where it begins just before a beat
    for _ in 0..3 {
        second.pass(&bazaar, 5).await;
    }
    second.pass(&bazaar, 4).await;
    assert_eq!(bazaar.job(&job.id).await.state.as_known(), Some(JobState::Running));
    second.beat().await;
    bazaar.advance(1);
    let again = second.start(&bazaar).await;
    assert_eq!(again.epoch, 2);
    assert_eq!(again.checkpoint.len(), 1);
    let restored =
        bazaar.world.http.get(&again.checkpoint[0].url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(&restored[..], b"epoch 3");
    // the first one comes back: it is to drop the attempt
    assert_eq!(
        first.attend(&bazaar, std::slice::from_ref(&work.attempt_id)).await,
        std::slice::from_ref(&work.attempt_id)
    );
    let late =
        first.report(&work, v1::Finished { ending: ending("succeeded").into(), ..Default::default() }).await;
    assert_eq!(reason(&late.unwrap_err()), v1::Reason::REASON_STALE_EPOCH);
    second.pass(&bazaar, 20).await;
    second.finish(&again, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;
    assert_eq!(done.cost.as_option().unwrap().metered_ms, 20_000);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_node_that_refuses_or_does_not_answer_costs_no_attempt() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.max_attempts = 1;
    let job = bazaar.submit(spec, 0, 0, "one").await;
    let work = node.assignment().await;
    node.answer(&work, false).await;
    bazaar.until(&job.id, JobState::Queued).await;
    node.pass(&bazaar, 35).await;
    let work = node.assignment().await;
    assert_eq!(work.epoch, 2);
    node.pass(&bazaar, 20).await;
    bazaar.until(&job.id, JobState::Queued).await;
    node.pass(&bazaar, 35).await;
    let work = node.start(&bazaar).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_place_that_is_still_being_cleared_costs_no_attempt_and_little_time() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.max_attempts = 1;
    let job = bazaar.submit(spec, 0, 0, "one").await;
    let work = node.assignment().await;
    node.busy(&work).await;
    bazaar.until(&job.id, JobState::Queued).await;
    // there again after two seconds, not after thirty
    node.pass(&bazaar, 2).await;
    let work = node.assignment().await;
    assert_eq!((work.job_id.as_str(), work.epoch), (job.id.as_str(), 2));
    // elsewhere at once, where there is somewhere else
    let mut other = Node::stand_by(&bazaar, 22).await;
    node.busy(&work).await;
    let work = other.start(&bazaar).await;
    assert_eq!((work.job_id.as_str(), work.epoch), (job.id.as_str(), 3));
    other.pass(&bazaar, 10).await;
    other.finish(&work, "succeeded", vec![]).await;
    let done = bazaar.until(&job.id, JobState::Verifying).await;
    // the only attempt that it has is the one that ran
    assert_eq!(done.ending.as_option().unwrap().reason, "succeeded");
    bazaar.close().await;
}

#[tokio::test]
async fn a_job_that_no_node_takes_is_refunded_in_time() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let work_for_nobody = bazaar.create(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    node.hang_up();
    bazaar.upload(&work_for_nobody).await;
    bazaar.advance(30);
    let open_signature = bazaar.fund(&work_for_nobody).await;
    let request =
        v1::QueueJobRequest { job_id: work_for_nobody.id.clone(), open_signature, ..Default::default() };
    let queued = bazaar.jobs().queue_job(request).await.unwrap().into_owned().job.into_option().unwrap();
    assert_eq!(queued.state.as_known(), Some(JobState::Queued));
    // what is offered is read once a second
    let start = tokio::time::Instant::now();
    while bazaar.job(&queued.id).await.waiting_because != "no node is available at the moment" {
        assert!(start.elapsed().as_secs() < 20, "it does not say why it waits");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    bazaar.advance(26 * 3600);
    // the session ended meanwhile
    let mut bazaar = bazaar;
    bazaar.token = super::bazaar::sign_in(&bazaar.world, &bazaar.wallet).await;
    let done = bazaar.until(&queued.id, JobState::Refunded).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "unfunded");
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    bazaar.close().await;
}
