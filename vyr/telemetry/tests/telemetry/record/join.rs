//! Entries that join what came before them: one write, all or nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use vyr_telemetry::record::{Commit, OnSync, RecordOptions};

use crate::support::{accepted, ended, open, put, started, task};

/// An entry that may be joined waits for longer than any test.
const PATIENT: Commit = Commit::Joinable(Duration::from_secs(600));

/// Counts syncs.
fn counting() -> (RecordOptions, Arc<AtomicU64>) {
    let syncs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&syncs);
    let on_sync = OnSync::new(move |_| {
        counted.fetch_add(1, SeqCst);
    });
    (RecordOptions { on_sync, ..RecordOptions::default() }, syncs)
}

#[tokio::test]
async fn a_submit_and_its_end_take_one_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (options, syncs) = counting();
    let (record, _) = open(dir.path(), options);
    let both = [&accepted(task(1), ""), &started(task(1), 1)];
    let [submitted, begun] = record.append_both(both, PATIENT).await.unwrap();
    assert!(record.takes_more(&begun));
    let end = record.join(&ended(task(1)), &begun).unwrap().unwrap();
    for synced in [submitted, begun, end] {
        synced.await.unwrap();
    }
    assert_eq!(syncs.load(SeqCst), 1);
    drop(record);
    let (record, recovery) = open(dir.path(), RecordOptions::default());
    assert!(recovery.queued.is_empty() && recovery.started.is_empty());
    assert!(record.ended(task(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_went_to_the_disk_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let (record, _) = open(dir.path(), RecordOptions::default());
    let soon = Commit::Joinable(Duration::from_micros(1));
    let mut submitted = record.append(&accepted(task(1), ""), soon).await.unwrap();
    // it is not forgotten when nothing joins
    (&mut submitted).await.unwrap();
    assert!(!record.takes_more(&submitted));
    assert!(record.join(&ended(task(1)), &submitted).unwrap().is_none());
    drop(record);
    let (_record, recovery) = open(dir.path(), RecordOptions::default());
    assert_eq!(recovery.queued.len(), 1);
}

#[tokio::test]
async fn anything_else_that_wants_the_disk_ends_the_wait() {
    let dir = tempfile::tempdir().unwrap();
    let (options, syncs) = counting();
    let (record, _) = open(dir.path(), options);
    let waits = record.append(&accepted(task(1), ""), PATIENT).await.unwrap();
    put(&record, &accepted(task(2), "")).await;
    waits.await.unwrap();
    assert_eq!(syncs.load(SeqCst), 1);
    // the shortest wait counts
    let waits = record.append(&accepted(task(3), ""), PATIENT).await.unwrap();
    let soon = Commit::Joinable(Duration::from_micros(1));
    record.append(&accepted(task(4), ""), soon).await.unwrap().await.unwrap();
    waits.await.unwrap();
    assert_eq!(syncs.load(SeqCst), 2);
    // who reads the history sees what was put before
    let waits = record.append(&ended(task(1)), PATIENT).await.unwrap();
    assert!(record.ended(task(1)).await.unwrap().is_some());
    waits.await.unwrap();
    // and a record that closes loses nothing
    let waits = record.append(&ended(task(2)), PATIENT).await.unwrap();
    record.close().await;
    waits.await.unwrap();
}
