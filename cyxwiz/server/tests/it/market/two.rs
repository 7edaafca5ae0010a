//! Several servers on one database.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::JobState;
use rustix::process::Signal;
use sqlx::Connection as _;

use super::bazaar::{Bazaar, PATIENCE};
use super::crash::{free_leases, server};
use super::node::Node;

#[tokio::test]
async fn a_node_at_one_server_serves_a_buyer_at_the_other() {
    let bazaar = Bazaar::with(2, |_| {}).await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let mut node = Node::enrolled(&bazaar, 21, 1).await;
    node.attend(&bazaar, &[]).await;
    bazaar.advance(1);
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;
    // the stream moves to the other server, the attempt goes on
    node.hang_up();
    let dropped = node.attend_at(&bazaar, 0, std::slice::from_ref(&work.attempt_id)).await;
    assert!(dropped.is_empty());
    node.pass(&bazaar, 10).await;
    bazaar.cancel(&job.id).await.unwrap();
    assert_eq!(node.stop().await.reason, "cancelled");
    node.finish(&work, "cancelled", vec![]).await;
    let done = bazaar.until(&job.id, JobState::Verifying).await;
    assert_eq!(done.cost.as_option().unwrap().metered_ms, 20_000);
    bazaar.close().await;
}

#[tokio::test]
async fn one_of_two_dies_while_it_settles_and_the_other_finishes() {
    const JOBS: usize = 6;
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 10_000_000).await;
    let mut nodes = Vec::new();
    for number in 0..JOBS {
        nodes.push(Node::stand_by(&bazaar, 40 + u8::try_from(number).unwrap()).await);
    }
    let mut jobs = Vec::new();
    for number in 0..JOBS {
        jobs.push(bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, &format!("job {number}")).await.id);
    }
    for node in &mut nodes {
        let work = node.start(&bazaar).await;
        bazaar.wait_for_rows(&work.job_id, "assign", "landed").await;
        node.finish(&work, "succeeded", vec![]).await;
        bazaar.until(&work.job_id, JobState::Verifying).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut doomed = server(&bazaar, folder.path(), "after_sign");
    // both are up and listen
    let pool = bazaar.world.db().pool();
    let start = tokio::time::Instant::now();
    loop {
        let listening: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'listen %'")
                .fetch_one(pool)
                .await
                .unwrap();
        if listening >= 2 {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the other server does not stand up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let url = bazaar.world.ground().config.storage.database_url.clone().unwrap();
    let status = while_ours_stands_still(|| {
        due(&url);
        dead(&mut doomed)
    });
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "it did not die at its payment: {status}");
    let signed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM outbox WHERE kind = 'settle' AND signed IS NOT NULL")
            .fetch_one(pool)
            .await
            .unwrap();
    assert!(signed > 0, "it died before it had signed anything");
    // what the dead one held runs out, here at once, and ours goes on with it
    free_leases(&bazaar).await;
    let start = tokio::time::Instant::now();
    loop {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state <> 'completed'")
            .fetch_one(pool)
            .await
            .unwrap();
        if left == 0 {
            break;
        }
        assert!(start.elapsed() < 2 * PATIENCE, "{left} were not settled");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for job in &jobs {
        assert_eq!(bazaar.closings(job).await["settled"], 1);
    }
    assert_eq!(bazaar.books(Coin::Usdc).await.1, 0);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

/// Does something while the server in this process stands still: it lives on the one thread of its test, which waits.
fn while_ours_stands_still<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(act).join().unwrap())
}

/// Every job is to be settled now.
fn due(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query("UPDATE jobs SET dispute_until = 0").execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    });
}

/// Waits for the death of a process.
fn dead(process: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > PATIENCE {
            process.kill().unwrap();
            process.wait().unwrap();
            panic!("it took no payment");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
