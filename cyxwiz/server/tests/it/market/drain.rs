//! A server that stops while nodes attend, buyers watch and a payment is under way.

use std::time::Duration;

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::{self, JobState};
use rustix::process::{Pid, Signal, kill_process};

use super::bazaar::{Bazaar, reason};
use super::crash::{free_leases, server, state};
use super::node::Node;

/// What does not end in this time does not end. A drain has 5 s for each of its steps.
const PATIENCE: Duration = Duration::from_secs(60);

/// The chain's process, by the port that it was told.
fn chain(bazaar: &Bazaar) -> Pid {
    let port = bazaar.devnet.rpc_port.to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let found = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).find(|pid| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word == port.as_bytes())
    });
    Pid::from_raw(found.expect("the chain runs")).unwrap()
}

/// A chain that answers nobody, until it does again.
struct Stopped(Pid);

impl Stopped {
    fn now(pid: Pid) -> Self {
        kill_process(pid, Signal::STOP).unwrap();
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// Waits until a server works on the settlement.
async fn in_flight(bazaar: &Bazaar) {
    let start = tokio::time::Instant::now();
    while sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM outbox WHERE kind = 'settle' AND state IN ('waiting', 'sent') AND lease_until > 0",
    )
    .fetch_one(bazaar.world.db().pool())
    .await
    .unwrap()
        == 0
    {
        assert!(start.elapsed() < PATIENCE, "nobody settles");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn streams_are_sent_elsewhere_and_a_payment_in_flight_is_finished_by_the_next_server() {
    let mut bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 2_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let mut other = Node::stand_by(&bazaar, 22).await;
    let paid = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "paid").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;
    bazaar.wait_for_rows(&paid.id, "assign", "landed").await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&paid.id, JobState::Verifying).await;
    other.beat().await;
    let request = v1::WatchJobRequest { job_id: paid.id.clone(), ..Default::default() };
    let watching = bazaar.jobs();
    let mut watching = watching.watch_job(request).await.unwrap();
    assert!(watching.message().await.unwrap().is_some());

    let stopped = Stopped::now(chain(&bazaar));
    bazaar.advance(61);
    in_flight(&bazaar).await;
    bazaar.world.ground().drain.begin();
    // each stream ends with where to go, none is cut off without a word
    assert_eq!(node.cut_off().await, v1::Reason::REASON_DRAINING);
    assert_eq!(other.cut_off().await, v1::Reason::REASON_DRAINING);
    let error = tokio::time::timeout(PATIENCE, async {
        loop {
            match watching.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return watching.error().cloned().expect("it ended well"),
                Err(error) => return error,
            }
        }
    });
    assert_eq!(reason(&error.await.expect("the watch goes on")), v1::Reason::REASON_DRAINING);
    // a chain that answers nobody does not keep it
    tokio::time::timeout(PATIENCE, bazaar.world.stopped(0)).await.expect("it does not stop");
    assert_eq!(state(&bazaar, &paid.id).await, "settling");

    drop(stopped);
    free_leases(&bazaar).await;
    let folder = tempfile::tempdir().unwrap();
    let mut next = server(&bazaar, folder.path(), "");
    let start = tokio::time::Instant::now();
    while state(&bazaar, &paid.id).await != "completed" {
        assert!(start.elapsed() < PATIENCE, "it was not settled");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    next.kill().unwrap();
    next.wait().unwrap();
    assert_eq!(bazaar.closings(&paid.id).await["settled"], 1);
    assert_eq!(bazaar.tokens(&node.payout).await, 9_000);
    bazaar.no_alarms().await;
    bazaar.close().await;
}
