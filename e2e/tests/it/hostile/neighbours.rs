//! Hostile modules run while others go about their work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use vyr_sdk::{
    Client,
    control::{TaskState, TaskStatus},
};

use super::modules::{Fate, all};
use crate::support::{Node, Submit, ended_well, shown};

/// Runs small tasks, one after the other, until told to stop; returns how many: all succeeded.
pub(super) async fn neighbour(client: Client, noop: Submit, stop: Arc<AtomicBool>) -> u64 {
    let mut count = 0;
    while !stop.load(SeqCst) {
        ended_well(&noop.run(&client).await);
        count += 1;
    }
    count
}

fn check(name: &str, fate: Fate, status: &TaskStatus) {
    match fate {
        Fate::Succeeds => {
            assert_eq!(status.state.as_known(), Some(TaskState::Succeeded), "{name}: {}", shown(status));
        }
        Fate::Fails(kinds) => {
            assert_eq!(status.state.as_known(), Some(TaskState::Failed), "{name}: {}", shown(status));
            let kind = status.failure.as_known().unwrap();
            assert!(kinds.contains(&kind), "{name} {fate:?}: {}", shown(status));
        }
    }
}

#[tokio::test]
async fn hostile_modules_harm_nobody() {
    let mut node = Node::with(["--max-running", "16", "--compile-deadline", "5m"]);
    let client = node.client();
    let noop = Submit::new(&node.put("noop"));
    let stop = Arc::new(AtomicBool::new(false));
    let neighbours: Vec<_> =
        (0..2).map(|_| tokio::spawn(neighbour(node.client(), noop.clone(), Arc::clone(&stop)))).collect();
    let node = &mut node;
    let artifacts: Vec<_> = all()
        .into_iter()
        .map(|(name, bytes, args, fate)| (name, node.put_wasm(name, &bytes), args, fate))
        .collect();
    let runs = artifacts.iter().map(async |(name, digest, args, fate)| {
        let hostile = Submit::new(digest).args(args.iter().copied()).wall_time(Duration::from_secs(3));
        let hostile = hostile.limits(|limits| {
            limits.memory_bytes = 300 << 20;
            limits.stdout_bytes = 4 << 20;
            limits.stderr_bytes = 4 << 20;
        });
        check(name, *fate, &hostile.run(&client).await);
    });
    futures::future::join_all(runs).await;
    stop.store(true, SeqCst);
    for neighbour in neighbours {
        assert!(neighbour.await.unwrap() > 0);
    }
    assert!(node.is_alive());
    ended_well(&noop.run(&client).await);
}

#[test]
fn what_is_no_wasm_is_refused_at_put() {
    let node = Node::start();
    for (name, bytes) in
        [("empty", &b""[..]), ("text", b"#!/bin/sh\n"), ("elf", b"\x7fELF\x02\x01\x01\0\0\0")]
    {
        let path = node.dir().join(name);
        std::fs::write(&path, bytes).unwrap();
        let said = node.cli().args(["artifact", "put"]).arg(&path).run();
        assert_eq!(said.code, Some(2), "{name}: {}", said.err());
    }
}
