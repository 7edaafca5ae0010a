use std::time::Duration;

use tokio::sync::mpsc;
use vyr_model::{LimitKind, Terminal};
use vyr_runtime::{
    Cancel, OutputSink, RunOutcome, SinkError, Stdin,
    wasm::{Program, Runtime, RuntimeOptions},
};

use crate::support::{Task, command, guest, guest_bytes, load_in, runtime};

/// Prints `ready`, in the start function, and loops there.
const LOOP_IN_START: &str = r#"
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\05\00\00\00ready")
  (func $init
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
    (loop $l (br $l)))
  (start $init)
  (func (export "_start"))"#;

/// Tells when the guest first writes.
struct Told(mpsc::UnboundedSender<()>);

impl OutputSink for Told {
    fn write(&mut self, _: &[u8]) -> Result<(), SinkError> {
        let _ = self.0.send(());
        Ok(())
    }
}

/// Runs `program`, and `end` once the guest has written something.
async fn ended_by(program: Program, end: impl FnOnce(&Cancel)) -> RunOutcome {
    let (sender, mut written) = mpsc::unbounded_channel();
    let task = Task::new(&[]).with(|request| request.stdout = Box::new(Told(sender)));
    let cancel = task.request.cancel.clone();
    let running = tokio::spawn(async move { runtime().run(&program, task.request).await });
    written.recv().await.unwrap();
    end(&cancel);
    runtime().kick();
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_infinite_loop_is_cancelled() {
    for name in ["spin", "spin.p1"] {
        let outcome = ended_by(guest(name), Cancel::cancel).await;
        assert_eq!(outcome.terminal, Terminal::Cancelled);
        assert!(outcome.started.is_some());
    }
}

#[tokio::test]
async fn an_infinite_loop_is_cancelled_on_a_single_thread() {
    let outcome = ended_by(guest("spin"), Cancel::cancel).await;
    assert_eq!(outcome.terminal, Terminal::Cancelled);
}

#[tokio::test]
async fn a_blocked_host_call_is_cancelled() {
    for name in ["sleep", "sleep.p1"] {
        let outcome = ended_by(guest(name), Cancel::cancel).await;
        assert_eq!(outcome.terminal, Terminal::Cancelled);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_in_the_start_function_is_cancelled() {
    let outcome = ended_by(command(LOOP_IN_START), Cancel::cancel).await;
    assert_eq!(outcome.terminal, Terminal::Cancelled);
    assert_eq!(outcome.started, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_in_the_start_function_meets_the_time_limit() {
    let task = Task::new(&[]).limits(|l| l.wall_time = Duration::from_millis(30));
    task.run(&command(LOOP_IN_START)).await.limited(LimitKind::WallTime);
}

#[tokio::test]
async fn an_outer_limit_keeps_its_own_reason() {
    let outcome = ended_by(guest("sleep"), |cancel| cancel.limit(LimitKind::Output)).await;
    assert_eq!(outcome.terminal, Terminal::Failed(vyr_model::Failure::Limit(LimitKind::Output)));
}

#[tokio::test]
async fn stdin_that_never_comes_is_no_hindrance() {
    for name in ["echo", "echo.p1"] {
        let task = Task::new(&[]).limits(|l| l.wall_time = Duration::from_millis(30));
        let (stdin, _other) = tokio::io::duplex(64);
        task.with(|request| request.stdin = Stdin::Stream(Box::new(stdin)))
            .run(&guest(name))
            .await
            .limited(LimitKind::WallTime);
    }
}

#[tokio::test]
async fn a_task_cancelled_before_it_runs_never_starts() {
    let task = Task::new(&[]);
    task.request.cancel.cancel();
    let ran = task.run(&guest("noop")).await;
    ran.ended(Terminal::Cancelled);
    assert_eq!(ran.outcome.started, None);
}

#[tokio::test]
async fn a_task_that_waits_for_its_turn_is_cancelled() {
    let small = Runtime::new(RuntimeOptions { max_running: 1, ..RuntimeOptions::default() }).unwrap();
    let program = load_in(&small, &guest_bytes("sleep"), vyr_runtime::wasm::Metering::Time);
    let (first, second) = (Task::new(&[]), Task::new(&[]));
    let (end_first, end_second) = (first.request.cancel.clone(), second.request.cancel.clone());
    let check = async {
        while small.running() < 1 {
            tokio::task::yield_now().await;
        }
        end_second.cancel();
    };
    let waits = async {
        let (outcome, ()) = tokio::join!(small.run(&program, second.request), check);
        end_first.cancel();
        outcome
    };
    let (first, second) = tokio::join!(biased; small.run(&program, first.request), waits);
    assert_eq!((first.terminal, second.terminal), (Terminal::Cancelled, Terminal::Cancelled));
    assert_eq!(second.started, None);
}

#[tokio::test]
async fn dropping_the_run_ends_the_guest_and_frees_its_place() {
    let small = Runtime::new(RuntimeOptions { max_running: 1, ..RuntimeOptions::default() }).unwrap();
    let sleeper = load_in(&small, &guest_bytes("sleep"), vyr_runtime::wasm::Metering::Time);
    let (sender, mut written) = mpsc::unbounded_channel();
    let task = Task::new(&[]).with(|request| request.stdout = Box::new(Told(sender)));
    tokio::select! {
        _ = small.run(&sleeper, task.request) => panic!("it sleeps for an hour"),
        told = written.recv() => told.unwrap(),
    }
    assert_eq!(small.running(), 0);
    let task = Task::new(&["1"]);
    assert_eq!(small.run(&sleeper, task.request).await.terminal, Terminal::Succeeded);
}
