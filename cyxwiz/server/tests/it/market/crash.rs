//! A server that dies at each step of a payment is followed by one that pays once.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cyxwiz_chain::Coin;
use cyxwiz_chain::escrow::policy::{Epoch, Stage};
use cyxwiz_proto::v1::JobState;

use super::bazaar::Bazaar;
use super::node::Node;

/// Where the process dies: every step of a row's way, in order.
const STEPS: [&str; 5] = ["before_sign", "after_sign", "after_send", "before_conclude", "after_conclude"];

/// A server of its own process on the same database.
pub(crate) fn server(bazaar: &Bazaar, folder: &std::path::Path, dies_at: &str) -> Child {
    let config = &bazaar.world.ground().config;
    let mut command = Command::new(env!("CARGO_BIN_EXE_cyxwiz-server"));
    command
        .arg("serve")
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--backup-hour", "off"])
        .args(["--rpc-url", &bazaar.devnet.url(), "--objects"])
        .arg(bazaar.world.postgres().join("objects"))
        .arg("--settle-key")
        .arg(bazaar.devnet.wallet_path("settle"))
        .arg("--data")
        .arg(folder)
        .env("DATABASE_URL", config.storage.database_url.as_deref().unwrap())
        .env("CYXWIZ_FAIL", dies_at)
        .envs(config.telemetry.endpoint.as_ref().map(|endpoint| ("CYXWIZ_OTLP_ENDPOINT", endpoint)))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// What a dead server held is free at once: the test does not wait for its lease to run out.
pub(crate) async fn free_leases(bazaar: &Bazaar) {
    sqlx::query("UPDATE outbox SET lease_until = 0, not_before = 0")
        .execute(bazaar.world.db().pool())
        .await
        .unwrap();
}

pub(crate) async fn state(bazaar: &Bazaar, id: &str) -> String {
    let job: cyxwiz_model::JobId = id.parse().unwrap();
    sqlx::query_scalar("SELECT state FROM jobs WHERE id = $1")
        .bind(cyxwiz_server::db::DbId::uuid(&job))
        .fetch_one(bazaar.world.db().pool())
        .await
        .unwrap()
}

pub(crate) async fn ends(bazaar: &Bazaar, id: &str, wanted: &str) {
    for _ in 0..1200 {
        let state = state(bazaar, id).await;
        if state.parse::<cyxwiz_model::JobState>().unwrap().is_terminal() {
            assert_eq!(state, wanted);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never ended: {}", state(bazaar, id).await)
}

/// Rows that are written from now on wait: no server that is there sends them.
async fn hold_rows(bazaar: &Bazaar) {
    sqlx::query("ALTER TABLE outbox ALTER not_before SET DEFAULT 9000000000000")
        .execute(bazaar.world.db().pool())
        .await
        .unwrap();
}

/// Ends the server of this test. Its node counts as there meanwhile: what dies here are servers.
async fn leave(bazaar: &Bazaar) {
    bazaar.world.ground().drain.begin();
    sqlx::query("UPDATE node_beats SET last_beat = 9000000000000")
        .execute(bazaar.world.db().pool())
        .await
        .unwrap();
}

/// Lets servers die one after the other at each step, then one live until all is done.
async fn crash_through(bazaar: &Bazaar, done: impl Future<Output = ()>) {
    let folder = tempfile::tempdir().unwrap();
    for step in STEPS {
        free_leases(bazaar).await;
        let child = server(bazaar, folder.path(), step);
        let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
        assert!(output.status.signal().is_some(), "it did not die at {step}: {:?}", output.status);
    }
    free_leases(bazaar).await;
    let mut last = server(bazaar, folder.path(), "");
    done.await;
    last.kill().unwrap();
    last.wait().unwrap();
}

#[tokio::test]
async fn a_settlement_survives_a_crash_at_every_step() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 100).await;
    bazaar.wait_for_rows(&job.id, "assign", "landed").await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.world.ground().drain.begin();
    sqlx::query("UPDATE jobs SET dispute_until = 0").execute(bazaar.world.db().pool()).await.unwrap();
    crash_through(&bazaar, ends(&bazaar, &job.id, "completed")).await;
    assert_eq!(bazaar.closings(&job.id).await["settled"], 1);
    assert_eq!(bazaar.tokens(&node.payout).await, 90_000);
    assert_eq!(bazaar.books(Coin::Usdc).await, (900_000, 0));
    let charged: i64 =
        sqlx::query_scalar("SELECT charged FROM jobs").fetch_one(bazaar.world.db().pool()).await.unwrap();
    assert_eq!(charged, 100_000);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_refund_survives_a_crash_at_every_step() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    bazaar.wait_for_rows(&job.id, "assign", "landed").await;
    // the refund's row is written, and no server is there to send it
    hold_rows(&bazaar).await;
    node.finish(&work, "exit", vec![]).await;
    bazaar.until(&job.id, JobState::Refunding).await;
    bazaar.world.ground().drain.begin();
    crash_through(&bazaar, ends(&bazaar, &job.id, "refunded")).await;
    assert_eq!(bazaar.closings(&job.id).await["given back"], 1);
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn an_assignment_survives_a_crash_at_every_step() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    hold_rows(&bazaar).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    node.start(&bazaar).await;
    bazaar.wait_for_rows(&job.id, "assign", "waiting").await;
    leave(&bazaar).await;
    crash_through(&bazaar, bazaar.wait_for_rows(&job.id, "assign", "landed")).await;
    assert_eq!(bazaar.closings(&job.id).await["assigned"], 1);
    // who is to be paid, and the money still where it was
    let stage = bazaar.escrow(&job.id).await.escrow.stage;
    assert_eq!(stage, Stage::Assigned { payee: node.payout, epoch: Epoch(1) });
    assert_eq!(bazaar.books(Coin::Usdc).await, (400_000, 600_000));
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_top_up_survives_a_crash_at_every_step() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 100_000, 150_000, "one").await;
    node.start(&bazaar).await;
    bazaar.wait_for_rows(&job.id, "assign", "landed").await;
    hold_rows(&bazaar).await;
    node.pass(&bazaar, 85).await;
    bazaar.wait_for_rows(&job.id, "top_up", "waiting").await;
    leave(&bazaar).await;
    crash_through(&bazaar, bazaar.wait_for_rows(&job.id, "top_up", "landed")).await;
    // once, on the chain and in the table
    assert_eq!(bazaar.closings(&job.id).await["topped up"], 1);
    assert_eq!(bazaar.books(Coin::Usdc).await, (850_000, 150_000));
    let deposit: i64 =
        sqlx::query_scalar("SELECT deposit FROM jobs").fetch_one(bazaar.world.db().pool()).await.unwrap();
    assert_eq!(deposit, 150_000);
    bazaar.no_alarms().await;
    bazaar.close().await;
}
