//! A job, run twice. Without libtest's `main`: this very binary is also the compile child.

#![expect(clippy::unwrap_used, reason = "a test ends where its assumption does")]

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use cyxwiz_model::{JobId, Wasm};
use cyxwiz_verify::{Difference, Ended, Rerun, Seen, Verifier, compile_child, differences};

/// Writes 16 random bytes and the time into `result` of the first folder after `/job`, which is `/output`.
const PROGRAM: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 128) "result")
  (func (export "_start")
    (drop (call $random (i32.const 64) (i32.const 16)))
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 80)))
    (if (call $open (i32.const 4) (i32.const 0) (i32.const 128) (i32.const 6) (i32.const 1)
                    (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 16))
      (then (call $exit (i32.const 9))))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 24))
    (if (call $write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $exit (i32.const 8))))))"#;

fn main() -> ExitCode {
    if let Some(code) = compile_child() {
        return code;
    }
    // nextest asks for the list first
    if std::env::args().any(|arg| arg == "--list") {
        if !std::env::args().any(|arg| arg == "--ignored") {
            println!("a_second_run_gives_the_same: test");
        }
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(a_second_run_gives_the_same());
    ExitCode::SUCCESS
}

async fn run(verifier: &Verifier, job: JobId, program: &str) -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let (inputs, scratch) = (dir.path().join("job"), dir.path().join("scratch"));
    fs::create_dir_all(&inputs).unwrap();
    fs::create_dir_all(&scratch).unwrap();
    fs::write(inputs.join("program.wasm"), wat::parse_str(program).unwrap()).unwrap();
    let wasm = Wasm { artifact: "program.wasm".parse().unwrap(), args: vec![], deterministic: true };
    let took = Duration::from_secs(1);
    let env = BTreeMap::new();
    let rerun = Rerun {
        job,
        wasm: &wasm,
        env: &env,
        memory_bytes: 64 << 20,
        took,
        inputs: &inputs,
        scratch: &scratch,
    };
    verifier.run(rerun).await.unwrap()
}

async fn a_second_run_gives_the_same() {
    let (first_home, second_home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) =
        (Verifier::open(first_home.path()).unwrap(), Verifier::open(second_home.path()).unwrap());
    let job = JobId::generate();
    let seen = run(&first, job, PROGRAM).await;
    assert_eq!(seen.ended, Ended::Exit(0));
    assert_eq!(seen.outputs.len(), 1);

    // on another machine, and again on the same
    assert_eq!(run(&second, job, PROGRAM).await, seen);
    assert_eq!(run(&first, job, PROGRAM).await, seen);

    // another job draws other bytes, so a node cannot answer with an older job's result
    let other = run(&first, JobId::generate(), PROGRAM).await;
    let path = "result".parse().unwrap();
    assert_eq!(differences(&other.outputs, &seen.outputs), [Difference::Bytes(path)]);

    let trap =
        run(&first, job, r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#)
            .await;
    assert!(matches!(trap.ended, Ended::Trap(_)), "{trap:?}");
    assert!(trap.outputs.is_empty());
}
