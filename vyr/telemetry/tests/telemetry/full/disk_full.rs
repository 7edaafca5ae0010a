//! A disk that takes no more, played by the limit on a file's size, in a child process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use vyr_telemetry::record::{Commit, RecordError, RecordOptions};

use super::kill::{child, dir_of_child};
use crate::support::{accepted, bound, open, put, queued, small, task};

#[test]
fn a_full_disk_refuses_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = child("full::disk_full::fills_the_disk", dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn limit(bytes: Option<u64>) {
    let current = bytes.or(getrlimit(Resource::Fsize).maximum);
    setrlimit(Resource::Fsize, Rlimit { current, ..getrlimit(Resource::Fsize) }).unwrap();
}

#[tokio::test]
#[ignore = "the child process of `a_full_disk_refuses_and_harms_nothing`"]
async fn fills_the_disk() {
    let dir = dir_of_child();
    let (record, _) = open(&dir, small(1 << 20));
    limit(Some(10_000));
    let mut taken = Vec::new();
    let refused = loop {
        let next = task(taken.len() as u64);
        match record.commit(&accepted(next, ""), Commit::Synced).await {
            Ok(()) => taken.push(next),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, RecordError::Unavailable { .. }) && refused.is_unavailable());
    assert!(taken.len() > 20, "{}", taken.len());
    for _ in 0..10 {
        let again = record.commit(&accepted(task(5_000), ""), Commit::Synced).await;
        assert!(again.unwrap_err().is_unavailable());
    }
    // what need not be durable waits in memory until there is room
    record.commit(&bound(task(0), "events"), Commit::Buffered).await.unwrap();
    assert!(record.stats().failures > 0);
    let history = record.accepted(taken[3]).await.unwrap();
    assert!(history.is_some(), "what is there can still be read");

    limit(None);
    put(&record, &accepted(task(9_000), "")).await;
    taken.push(task(9_000));
    drop(record);
    let (_record, recovery) = open(&dir, RecordOptions::default());
    assert_eq!(queued(&recovery), taken);
    assert_eq!(recovery.queued[0].bound.len(), 1);
    assert_eq!((recovery.torn_bytes, recovery.damage.len()), (0, 0));
}
