use vyr_model::Terminal;
use vyr_runtime::wasm::{Metering, Runtime, RuntimeOptions};

use crate::support::{Task, guest_bytes, load_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_tasks_than_places_wait_and_all_succeed() {
    let small = Runtime::new(RuntimeOptions { max_running: 4, ..RuntimeOptions::default() }).unwrap();
    let program = load_in(&small, &guest_bytes("sleep"), Metering::Time);
    let runs = (0..64).map(|_| small.run(&program, Task::new(&["1"]).request));
    for outcome in futures::future::join_all(runs).await {
        assert_eq!(outcome.terminal, Terminal::Succeeded);
    }
    assert_eq!(small.running(), 0);
}

#[tokio::test]
async fn every_guest_may_have_its_maximum_at_once() {
    let options = RuntimeOptions { max_running: 4, ..RuntimeOptions::default() };
    let small = Runtime::new(options).unwrap();
    // eight memories and sixteen tables, then a wait in a host call
    let wasm = wat::parse_str(format!(
        r#"(module
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (memory (export "memory") 1) {} {}
          (func (export "_start")
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 20000000))
            (call $exit (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#,
        "(memory 1)".repeat(7),
        "(table 100 funcref)".repeat(16),
    ))
    .unwrap();
    let program = load_in(&small, &wasm, Metering::Time);
    let runs = (0..12).map(|_| small.run(&program, Task::new(&[]).request));
    for outcome in futures::future::join_all(runs).await {
        assert_eq!(outcome.terminal, Terminal::Succeeded);
    }
}

#[tokio::test]
async fn a_run_sees_nothing_of_the_one_before() {
    let small = Runtime::new(RuntimeOptions { max_running: 1, ..RuntimeOptions::default() }).unwrap();
    // traps when a page is not as the module says; then soils all pages, below and above what stays resident
    let wasm = wat::parse_str(
        r#"(module (memory (export "memory") 64) (data (i32.const 8) "\07")
          (global $g (mut i32) (i32.const 0))
          (func (export "_start") (local $at i32)
            (if (global.get $g) (then unreachable))
            (global.set $g (i32.const 1))
            (if (i32.ne (i32.load8_u (i32.const 8)) (i32.const 7)) (then unreachable))
            (i32.store8 (i32.const 8) (i32.const 9))
            (local.set $at (i32.const 16))
            (loop $l
              (if (i32.load (local.get $at)) (then unreachable))
              (i32.store (local.get $at) (i32.const 0xdead))
              (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1024)))
                                  (i32.const 4194304))))))"#,
    )
    .unwrap();
    let program = load_in(&small, &wasm, Metering::Time);
    for _ in 0..20 {
        let outcome = small.run(&program, Task::new(&[]).request).await;
        assert_eq!(outcome.terminal, Terminal::Succeeded);
    }
}
