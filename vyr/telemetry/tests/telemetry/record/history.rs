use vyr_proto::{control::TaskState, record::Entry};
use vyr_telemetry::{
    Filter,
    record::{Commit, HistoryQuery, Order},
};

use crate::support::{EPOCH_SECONDS, accepted, open, put, small, status, task, whole_trace};

async fn with_history(dir: &std::path::Path) -> vyr_telemetry::record::Record {
    let (record, _) = open(dir, small(6_000));
    for number in 0..40_u64 {
        put(&record, &accepted(task(number), "")).await;
        let state = match number % 2 {
            0 => TaskState::TASK_STATE_SUCCEEDED,
            _ => TaskState::TASK_STATE_FAILED,
        };
        let mut ended = whole_trace(task(number));
        ended.status = status(task(number), state, EPOCH_SECONDS + number as i64).into();
        // the last ones are not even written yet when history is asked for
        let entry = Entry { entry: Some(ended.into()), ..Default::default() };
        record.commit(&entry, Commit::Buffered).await.unwrap();
    }
    record
}

async fn tasks(record: &vyr_telemetry::record::Record, query: HistoryQuery) -> Vec<u64> {
    let ids = record.history(query).await.map(|ended| ended.unwrap().task_id);
    ids.map(|id| u64::from_be_bytes(id[..8].try_into().unwrap())).collect()
}

#[tokio::test]
async fn reads_both_ways_with_filters_and_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let record = with_history(dir.path()).await;
    assert!(record.stats().segments > 3);
    let query = HistoryQuery::default;
    assert_eq!(tasks(&record, query()).await, (0..40).rev().collect::<Vec<_>>());
    let oldest = HistoryQuery { order: Order::OldestFirst, limit: Some(5), ..query() };
    assert_eq!(tasks(&record, oldest).await, [0, 1, 2, 3, 4]);
    let failed = HistoryQuery {
        filter: Filter::default().with_state(TaskState::TASK_STATE_FAILED),
        limit: Some(3),
        ..query()
    };
    assert_eq!(tasks(&record, failed).await, [39, 37, 35]);
    let nanos = |second: i64| (EPOCH_SECONDS + second) as u64 * 1_000_000_000;
    let timed = HistoryQuery {
        filter: Filter {
            since_unix_nanos: nanos(10),
            until_unix_nanos: Some(nanos(13)),
            ..Filter::default()
        },
        ..query()
    };
    assert_eq!(tasks(&record, timed).await, [12, 11, 10]);
    let one = HistoryQuery { filter: Filter::task(task(7)), ..query() };
    assert_eq!(tasks(&record, one).await, [7]);
    let none = HistoryQuery { filter: Filter::task(task(77)), ..query() };
    assert!(tasks(&record, none).await.is_empty());
}

#[tokio::test]
async fn a_reader_outlives_the_segments_that_it_reads() {
    let dir = tempfile::tempdir().unwrap();
    let record = with_history(dir.path()).await;
    let mut history = record.history(HistoryQuery { order: Order::OldestFirst, ..Default::default() }).await;
    assert!(history.next().unwrap().is_ok());
    for file in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    assert_eq!(history.filter(Result::is_ok).count(), 39);
}
