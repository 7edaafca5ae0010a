use std::time::{Duration, SystemTime};

use vyr_model::Determinism;
use vyr_runtime::wasm::{Metering, Program};

use crate::support::{Task, load_in, runtime};

/// Writes 16 random bytes, the wall clock, the monotonic clock twice, and the bits of a NaN.
const WITNESS: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $random (i32.const 64) (i32.const 16)))
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 80)))
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 88)))
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 96)))
    (f64.store (i32.const 104) (f64.div (f64.const 0) (f64.load (i32.const 1024))))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 48))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

fn witness(metering: Metering) -> Program {
    load_in(&runtime(), &wat::parse_str(WITNESS).unwrap(), metering)
}

async fn written(program: &Program, determinism: Option<Determinism>) -> Vec<u8> {
    let task = Task::new(&[]).with(|request| request.determinism = determinism);
    task.run(program).await.succeeded().stdout.bytes()
}

#[tokio::test]
async fn a_second_run_gives_the_same_bytes() {
    let program = witness(Metering::Fuel);
    let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let of = |seed| Some(Determinism { seed, clock });
    let first = written(&program, of(7)).await;
    assert_eq!(written(&program, of(7)).await, first);

    let other = written(&program, of(8)).await;
    assert_ne!(other[..16], first[..16]);
    assert_eq!(other[16..], first[16..]);

    let nanos = |at: usize| u64::from_le_bytes(first[at..at + 8].try_into().unwrap());
    assert_eq!(nanos(16), 1_800_000_000_000_000_000);
    assert_eq!((nanos(24), nanos(32)), (1000, 2000));
    assert_eq!(nanos(40), 0x7ff8_0000_0000_0000);
}

#[tokio::test]
async fn chance_and_time_are_real_unless_they_are_taken_away() {
    let program = witness(Metering::Time);
    let (first, second) = (written(&program, None).await, written(&program, None).await);
    assert_ne!(first[..16], second[..16]);
    assert_ne!(first[16..24], second[16..24]);
}

#[tokio::test]
async fn code_that_is_not_repeatable_is_not_run_as_if_it_were() {
    let determinism = Some(Determinism { seed: 0, clock: SystemTime::UNIX_EPOCH });
    let task = Task::new(&[]).with(|request| request.determinism = determinism);
    let ran = task.run(&witness(Metering::Time)).await;
    assert!(format!("{:?}", ran.outcome.terminal).contains("fuel metering"));
    assert!(ran.stdout.bytes().is_empty());
}
