//! The private PostgreSQL: killed, joined, left behind by nobody.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cyxwiz_server::postgres::Postgres;
use serde_json::json;

use crate::support::{World, local_folder};

/// The postmaster of a cluster.
fn postmaster(folder: &std::path::Path) -> Option<rustix::process::Pid> {
    let text = std::fs::read_to_string(folder.join("postgres/cluster/postmaster.pid")).ok()?;
    rustix::process::Pid::from_raw(text.lines().next()?.trim().parse().ok()?)
}

fn lives(pid: rustix::process::Pid) -> bool {
    rustix::process::test_kill_process(pid).is_ok()
}

async fn within(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn killed_under_the_server_it_comes_back() {
    let world = World::new().await;
    let buyer = world.buyer(1).await;
    let mut hints = world.ground().wake.subscribe("platform");
    let before = postmaster(world.postgres()).unwrap();
    rustix::process::kill_process(before, rustix::process::Signal::KILL).unwrap();
    within("it answers again", async || {
        let answer = world.call("AuthService/ListSessions", json!({}), Some(&buyer.access)).await;
        // meanwhile calls are told to come back, never that something is wrong with them
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        // what was connected before may answer once more, until it sees that its parent is gone
        answer.status == 200 && postmaster(world.postgres()).is_some_and(|now| now != before)
    })
    .await;
    // whoever waits for hints is told that some may be missing
    assert_eq!(hints.next().await, "");
    cyxwiz_server::db::notify(world.db().pool(), "platform", "again").await.unwrap();
    while hints.next().await != "again" {}
    world.close().await;
}

#[tokio::test]
async fn a_second_opener_joins_and_does_not_stop_it() {
    let folder = local_folder();
    let place = folder.path().join("postgres");
    let first = Postgres::open_with(&place, &["fsync=off"]).await.unwrap();
    let pid = postmaster(folder.path()).unwrap();
    let second = Postgres::open(&place).await.unwrap();
    assert_eq!(postmaster(folder.path()), Some(pid));
    second.close().await;
    assert!(lives(pid));
    first.close().await;
    assert!(!lives(pid));
    // and it starts again on what is there
    let again = Postgres::open(&place).await.unwrap();
    again.close().await;
}

#[tokio::test]
async fn it_does_not_outlive_a_server_that_is_killed() {
    let folder = local_folder();
    let serve = || {
        Command::new(env!("CARGO_BIN_EXE_cyxwiz-server"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .env_remove("DATABASE_URL")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    for signal in ["-KILL", "-TERM"] {
        let mut server = serve();
        within("it starts", async || postmaster(folder.path()).is_some_and(lives)).await;
        let pid = postmaster(folder.path()).unwrap();
        Command::new("kill").args([signal, &server.id().to_string()]).status().unwrap();
        let status = server.wait().unwrap();
        assert_eq!(status.success(), signal == "-TERM");
        within("it stops", async || !lives(pid)).await;
    }
}
