//! The record against a simple model: random entries, levels, restarts, tiny segments.

use proptest::prelude::*;
use vyr_model::TaskId;
use vyr_proto::record::Entry;
use vyr_telemetry::record::{Commit, HistoryQuery, Order, Record, RecordOptions, Recovery};

use crate::support::{accepted, bound, ended, open, small, started, task};

#[derive(Debug, Clone)]
enum Step {
    Accept,
    Bind(usize),
    Start(usize),
    End(usize),
    /// Accepts, starts and ends at once, in one write where the disk is not quicker.
    Ahead,
    Reopen,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Live {
    task: Option<TaskId>,
    bound: Vec<String>,
    attempts: u32,
}

fn step() -> impl Strategy<Value = (Step, u8)> {
    let pick = any::<prop::sample::Index>;
    let step = prop_oneof![
        4 => Just(Step::Accept),
        1 => pick().prop_map(|index| Step::Bind(index.index(64))),
        2 => pick().prop_map(|index| Step::Start(index.index(64))),
        4 => pick().prop_map(|index| Step::End(index.index(64))),
        2 => Just(Step::Ahead),
        1 => Just(Step::Reopen),
    ];
    (step, 0..4_u8)
}

/// How long the model's joinable entries wait.
const JOIN: std::time::Duration = std::time::Duration::from_micros(250);

fn level(number: u8) -> Commit {
    [Commit::Synced, Commit::Written, Commit::Buffered, Commit::Joinable(JOIN)][usize::from(number)]
}

async fn put(record: &Record, entry: Entry, level: Commit) {
    record.commit(&entry, level).await.unwrap();
}

fn check(recovery: &Recovery, live: &[Live]) {
    let (queued, started): (Vec<_>, Vec<_>) = live.iter().cloned().partition(|live| live.attempts == 0);
    for (found, expected) in [(&recovery.queued, queued), (&recovery.started, started)] {
        let found: Vec<_> = found
            .iter()
            .map(|left| Live {
                task: Some(left.task),
                bound: left.bound.iter().map(|bound| bound.name.clone()).collect(),
                attempts: left.attempts,
            })
            .collect();
        assert_eq!(found, expected);
    }
    assert!(recovery.damage.is_empty());
    assert_eq!(recovery.torn_bytes, 0);
}

async fn run(steps: Vec<(Step, u8)>, options: RecordOptions, keeps_all: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (mut record, _) = open(dir.path(), options.clone());
    let mut live: Vec<Live> = Vec::new();
    let mut ends = Vec::new();
    let mut count = 0;
    for (step, number) in steps.into_iter().chain([(Step::Reopen, 0)]) {
        let level = level(number);
        let len = live.len();
        let place = |index: usize| index.checked_rem(len);
        match step {
            Step::Accept => {
                count += 1;
                put(&record, accepted(task(count), ""), level).await;
                live.push(Live { task: Some(task(count)), ..Live::default() });
            }
            Step::Bind(index) => {
                if let Some(place) = place(index) {
                    let name = format!("b{}", live[place].bound.len());
                    put(&record, bound(live[place].task.unwrap(), &name), level).await;
                    live[place].bound.push(name);
                }
            }
            Step::Start(index) => {
                if let Some(place) = place(index) {
                    live[place].attempts += 1;
                    put(&record, started(live[place].task.unwrap(), live[place].attempts), level).await;
                }
            }
            Step::End(index) => {
                if let Some(place) = place(index) {
                    let task = live.remove(place).task.unwrap();
                    put(&record, ended(task), level).await;
                    ends.push(task);
                }
            }
            Step::Ahead => {
                count += 1;
                let id = task(count);
                let both = [&accepted(id, ""), &started(id, 1)];
                let [_, begun] = record.append_both(both, level).await.unwrap();
                match record.join(&ended(id), &begun).unwrap() {
                    Some(joined) => joined.await.unwrap(),
                    None => put(&record, ended(id), level).await,
                }
                ends.push(id);
            }
            Step::Reopen => {
                drop(record);
                let recovery;
                (record, recovery) = open(dir.path(), options.clone());
                check(&recovery, &live);
            }
        }
    }
    let query = HistoryQuery { order: Order::OldestFirst, ..HistoryQuery::default() };
    let history = record.history(query).await.map(|ended| ended.unwrap().task_id);
    let history: Vec<_> = history.map(|id| TaskId::from_bytes(id.try_into().unwrap())).collect();
    assert!(ends.ends_with(&history), "history is the newest part of what ended, in order");
    if keeps_all {
        assert_eq!(history, ends);
    }
    assert_eq!(record.stats().live_tasks, live.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_list(
        steps in prop::collection::vec(step(), 1..120),
        segment in 600..8_000_u64,
        retain in prop::option::of(3_000..20_000_u64),
    ) {
        let options = RecordOptions { retain_bytes: retain.unwrap_or(u64::MAX), ..small(segment) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps, options, retain.is_none()));
    }
}
