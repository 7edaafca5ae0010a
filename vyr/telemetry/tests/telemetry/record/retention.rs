use std::time::Duration;

use vyr_telemetry::record::{HistoryQuery, RecordOptions};

use crate::support::{accepted, bound, ended, open, put, queued, small, started, task};

#[tokio::test]
async fn deletes_the_oldest_and_never_a_task_that_has_not_ended() {
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions { retain_bytes: 24_000, ..small(6_000) };
    let (record, _) = open(dir.path(), options.clone());
    put(&record, &accepted(task(1), "first")).await;
    put(&record, &bound(task(1), "events")).await;
    put(&record, &accepted(task(2), "second")).await;
    put(&record, &started(task(2), 1)).await;
    for number in 100..400 {
        put(&record, &accepted(task(number), "")).await;
        if number == 250 {
            put(&record, &bound(task(1), "later")).await;
        }
        put(&record, &ended(task(number))).await;
    }
    // the batch that fills a segment is answered before the oldest is deleted
    record.close().await;
    let stats = record.stats();
    assert!(stats.bytes <= 24_000 + 6_000, "{stats:?}");
    assert_eq!(stats.live_tasks, 2);
    assert!(record.ended(task(100)).await.unwrap().is_none(), "the oldest is gone");
    assert!(record.ended(task(399)).await.unwrap().is_some());
    let kept = record.history(HistoryQuery::default()).await.count();
    assert!((10..100).contains(&kept), "{kept}");
    let first = record.accepted_with_key("first").await.unwrap().unwrap();
    assert_eq!(first.task_id, task(1).as_bytes());
    drop(record);

    let (_record, recovery) = open(dir.path(), options);
    assert_eq!(queued(&recovery), [task(1)]);
    let names: Vec<_> = recovery.queued[0].bound.iter().map(|bound| bound.name.as_str()).collect();
    assert_eq!(names, ["events", "later"]);
    assert_eq!((recovery.started[0].task, recovery.started[0].attempts), (task(2), 1));
}

#[tokio::test]
async fn keeps_more_than_its_limit_rather_than_lose_a_task() {
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions { retain_bytes: 4_000, ..small(2_000) };
    let (record, _) = open(dir.path(), options.clone());
    for number in 0..200 {
        put(&record, &accepted(task(number), "")).await;
    }
    assert!(record.stats().bytes > 4_000);
    drop(record);
    let (_record, recovery) = open(dir.path(), options);
    assert_eq!(queued(&recovery), (0..200).map(task).collect::<Vec<_>>());
}

#[tokio::test]
async fn age_deletes_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions { retain_age: Some(Duration::ZERO), ..small(2_000) };
    let (record, _) = open(dir.path(), options);
    put(&record, &accepted(task(0), "")).await;
    for number in 1..50 {
        put(&record, &accepted(task(number), "")).await;
        put(&record, &ended(task(number))).await;
    }
    record.close().await;
    assert!(record.stats().segments <= 2, "{:?}", record.stats());
    assert_eq!(record.stats().live_tasks, 1);
}
