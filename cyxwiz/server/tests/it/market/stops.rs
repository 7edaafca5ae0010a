//! Runs that end before their time.

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::{self, JobState};

use super::bazaar::{Bazaar, reason};
use super::node::Node;

#[tokio::test]
async fn cancelled_before_it_runs_everything_goes_back() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 2_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;

    let draft = bazaar.create(Bazaar::spec(Coin::Usdc, 600), 0, 0, "draft").await;
    let cancelled = bazaar.cancel(&draft.id).await.unwrap();
    assert_eq!(cancelled.state.as_known(), Some(JobState::Cancelled));

    // an escrow that nobody told the server of
    let open = bazaar.create(Bazaar::spec(Coin::Usdc, 600), 0, 0, "open").await;
    bazaar.fund(&open).await;
    bazaar.cancel(&open.id).await.unwrap();
    bazaar.until(&open.id, JobState::Refunded).await;

    let assigned = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "assigned").await;
    let work = node.assignment().await;
    node.answer(&work, true).await;
    bazaar.until(&assigned.id, JobState::Preparing).await;
    bazaar.cancel(&assigned.id).await.unwrap();
    let stop = node.stop().await;
    assert_eq!((stop.attempt_id.as_str(), stop.reason.as_str()), (work.attempt_id.as_str(), "fenced"));
    let done = bazaar.until(&assigned.id, JobState::Refunded).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "cancelled");
    // twice is once
    assert!(bazaar.cancel(&assigned.id).await.is_ok());
    assert_eq!(bazaar.books(Coin::Usdc).await, (2_000_000, 0));
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn cancelled_while_it_runs_it_is_metered_and_delivered() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 30).await;
    bazaar.cancel(&job.id).await.unwrap();
    let stop = node.stop().await;
    assert_eq!((stop.reason.as_str(), stop.grace_seconds), ("cancelled", 60));
    node.pass(&bazaar, 5).await;
    let output = node.upload(&bazaar, &work, ("output", "part.txt"), b"half", None).await;
    node.finish(&work, "signal", vec![output]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;
    let ending = done.ending.as_option().unwrap();
    assert_eq!((ending.reason.as_str(), ending.outputs_delivered), ("cancelled", true));
    assert_eq!(done.cost.as_option().unwrap().charged, 35_000);
    let refused = bazaar.cancel(&job.id).await;
    assert!(refused.is_ok(), "it is cancelled");
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_time_out_is_the_servers_to_enforce() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 60), 0, 0, "one").await;
    node.start(&bazaar).await;
    node.pass(&bazaar, 70).await;
    let stop = node.stop().await;
    assert_eq!(stop.reason, "timeout");
    // the node never stops it: the server ends the run by itself, for what was set aside
    node.pass(&bazaar, 95).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "timeout");
    assert_eq!(done.cost.as_option().unwrap().charged, 60_000);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_small_deposit_is_topped_up_to_the_limit_then_the_run_stops() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 100_000, 150_000, "one").await;
    assert_eq!(bazaar.books(Coin::Usdc).await, (900_000, 100_000));
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 85).await;
    // four fifths are spent: what the limit leaves is set aside too
    let start = tokio::time::Instant::now();
    while bazaar.books(Coin::Usdc).await != (850_000, 150_000) {
        assert!(start.elapsed().as_secs() < 30, "no top-up");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let start = tokio::time::Instant::now();
    while bazaar.job(&job.id).await.cost.as_option().unwrap().deposit != 150_000 {
        assert!(start.elapsed().as_secs() < 30, "the top-up was not booked");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    node.pass(&bazaar, 65).await;
    let stop = node.stop().await;
    assert_eq!(stop.reason, "budget");
    node.pass(&bazaar, 10).await;
    node.finish(&work, "exit", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "budget");
    assert_eq!(done.cost.as_option().unwrap().charged, 150_000);
    assert_eq!(bazaar.closings(&job.id).await["topped up"], 1);
    assert_eq!(bazaar.books(Coin::Usdc).await, (850_000, 0));
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn too_late_to_cancel() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    let refused = bazaar.cancel(&job.id).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_WRONG_STATE);
    bazaar.close().await;
}
