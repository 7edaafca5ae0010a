use vyr_telemetry::record::{Commit, Record, RecordError, RecordOptions};

use crate::support::{accepted, bound, ended, open, put, queued, started, task};

#[tokio::test]
async fn gives_back_what_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let (record, recovery) = open(dir.path(), RecordOptions::default());
    assert!(recovery.queued.is_empty() && recovery.started.is_empty());
    for number in 0..4 {
        put(&record, &accepted(task(number), &format!("key-{number}"))).await;
    }
    put(&record, &bound(task(0), "events")).await;
    put(&record, &started(task(1), 1)).await;
    put(&record, &started(task(2), 1)).await;
    put(&record, &ended(task(2))).await;
    drop(record);

    let (record, recovery) = open(dir.path(), RecordOptions::default());
    assert_eq!(queued(&recovery), [task(0), task(3)]);
    assert_eq!(recovery.queued[0].bound[0].name, "events");
    assert_eq!(recovery.queued[0].accepted.request.idempotency_key, "key-0");
    assert_eq!(recovery.started.len(), 1);
    assert_eq!((recovery.started[0].task, recovery.started[0].attempts), (task(1), 1));
    assert_eq!(recovery.torn_bytes, 0);
    assert!(recovery.damage.is_empty());
    assert!(record.ended(task(2)).await.unwrap().is_some());
    assert!(record.ended(task(1)).await.unwrap().is_none());
    let by_key = record.accepted_with_key("key-2").await.unwrap().unwrap();
    assert_eq!(by_key.task_id, task(2).as_bytes());
    assert!(record.accepted_with_key("key-9").await.unwrap().is_none());
    assert_eq!(record.accepted(task(3)).await.unwrap().unwrap().request.idempotency_key, "key-3");
}

#[tokio::test]
async fn order_is_kept_across_commit_levels() {
    let dir = tempfile::tempdir().unwrap();
    let (record, _) = open(dir.path(), RecordOptions::default());
    let levels = [Commit::Buffered, Commit::Synced, Commit::Written];
    let mut last = None;
    for number in 0..30 {
        let level = levels[number as usize % 3];
        last = Some(record.append(&accepted(task(100 - number), ""), level).await.unwrap());
    }
    last.unwrap().await.unwrap();
    record.close().await;
    let closed = record.append(&accepted(task(1), ""), Commit::Synced).await;
    assert!(matches!(closed, Err(RecordError::Closed)));
    drop(record);
    let (_record, recovery) = open(dir.path(), RecordOptions::default());
    assert_eq!(queued(&recovery), (0..30).map(|number| task(100 - number)).collect::<Vec<_>>());
}

#[tokio::test]
async fn many_writers_wait_for_room_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions { pending_bytes: 1_000, ..RecordOptions::default() };
    let (record, _) = open(dir.path(), options);
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let record = record.clone();
            tokio::spawn(async move {
                for number in 0..50 {
                    let level = if number % 2 == 0 { Commit::Buffered } else { Commit::Synced };
                    record.commit(&accepted(task(writer * 1_000 + number), ""), level).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    drop(record);
    let (_record, recovery) = open(dir.path(), RecordOptions::default());
    assert_eq!(recovery.queued.len(), 800);
}

#[tokio::test]
async fn refuses_a_second_user_and_an_entry_that_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions { entry_bytes: 1_000, ..RecordOptions::default() };
    let (record, _) = open(dir.path(), options);
    let second = Record::open(dir.path(), RecordOptions::default());
    assert!(matches!(second, Err(RecordError::InUse(_))));
    let large = record.append(&accepted(task(1), &"k".repeat(1_000)), Commit::Synced).await;
    assert!(matches!(large, Err(RecordError::TooLarge { limit: 1_000, .. })));
    put(&record, &accepted(task(2), "")).await;
}
