use std::{sync::Arc, time::Duration};

use vyr_model::{LimitKind, Limits, Terminal};
use vyr_runtime::{
    Cancel, Courtesy, RunOutcome,
    wasm::{Metering, Runtime, RuntimeOptions},
};

use crate::support::{Task, guest_bytes, load_in};

/// Runs a loop while short tasks come without end; `end` is called once it has stood aside for a while.
async fn beside_a_flood(limits: impl FnOnce(&mut Limits), end: impl FnOnce(&Cancel)) -> RunOutcome {
    let courtesy = Courtesy::default();
    let options = RuntimeOptions { max_running: 1, courtesy: courtesy.clone(), ..RuntimeOptions::default() };
    let runtime = Runtime::new(options).unwrap();
    let program = load_in(&runtime, &guest_bytes("spin"), Metering::Time);
    let task = Task::new(&[]).limits(limits);
    let cancel = task.request.cancel.clone();
    let of_guest = runtime.clone();
    let running = tokio::spawn(async move { of_guest.run(&program, task.request).await });
    let mut end = Some(end);
    let mut asked = 0;
    while !running.is_finished() {
        let _short = courtesy.arrive();
        runtime.kick();
        asked += u32::from(courtesy.is_asked());
        if asked > 50
            && let Some(end) = end.take()
        {
            end(&cancel);
            runtime.kick();
        }
        // each comes before the one before it is gone
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!courtesy.is_asked());
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stands_aside_gets_its_share_all_the_same() {
    let cpu_time = Duration::from_millis(50);
    let outcome = beside_a_flood(|limits| limits.cpu_time = cpu_time, |_| {}).await;
    assert_eq!(outcome.terminal, Terminal::Failed(vyr_model::Failure::Limit(LimitKind::CpuTime)));
    // what it stood aside is wall time alone
    let wall = outcome.ended.duration_since(outcome.started.unwrap()).unwrap();
    assert!(outcome.cpu >= cpu_time && wall > 2 * outcome.cpu, "{wall:?} {outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stands_aside_ends_by_wall_time_and_cancel() {
    let outcome = beside_a_flood(|limits| limits.wall_time = Duration::from_millis(200), |_| {}).await;
    assert_eq!(outcome.terminal, Terminal::Failed(vyr_model::Failure::Limit(LimitKind::WallTime)));
    let outcome = beside_a_flood(|_| {}, Cancel::cancel).await;
    assert_eq!(outcome.terminal, Terminal::Cancelled);
}

/// On few processors they have their turns one after the other; none waits for another for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_that_stand_aside_all_get_their_share() {
    let courtesy = Courtesy::default();
    let options = RuntimeOptions { max_running: 3, courtesy: courtesy.clone(), ..RuntimeOptions::default() };
    let runtime = Runtime::new(options).unwrap();
    let program = Arc::new(load_in(&runtime, &guest_bytes("spin"), Metering::Time));
    let cpu_time = Duration::from_millis(40);
    let running: Vec<_> = (0..3)
        .map(|_| {
            let (runtime, program) = (runtime.clone(), Arc::clone(&program));
            let task = Task::new(&[]).limits(|limits| limits.cpu_time = cpu_time);
            tokio::spawn(async move { runtime.run(&program, task.request).await })
        })
        .collect();
    while !running.iter().all(tokio::task::JoinHandle::is_finished) {
        let _short = courtesy.arrive();
        runtime.kick();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for running in running {
        let outcome = running.await.unwrap();
        assert_eq!(outcome.terminal, Terminal::Failed(vyr_model::Failure::Limit(LimitKind::CpuTime)));
        assert!(outcome.cpu >= cpu_time, "{outcome:?}");
    }
    assert!(!courtesy.is_asked());
}
