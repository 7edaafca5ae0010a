use std::time::Duration;

use vyr_model::{DirGrant, Failure, LimitKind, Terminal};
use vyr_runtime::wasm::Metering;

use crate::support::{Task, command, guest, guest_bytes, load_in, runtime, wat};

const MIB: u64 = 1 << 20;

/// Grows every memory by turns until all are refused, then traps.
const GREEDY: &str = r#"(module
  (memory (export "memory") 1) (memory $b 1) (memory $c 1)
  (func (export "_start")
    (loop $l
      (br_if $l (i32.ne (memory.grow 0 (i32.const 16)) (i32.const -1)))
      (br_if $l (i32.ne (memory.grow $b (i32.const 16)) (i32.const -1)))
      (br_if $l (i32.ne (memory.grow $c (i32.const 16)) (i32.const -1))))
    unreachable))"#;

#[tokio::test]
async fn memory_is_the_sum_over_all_memories() {
    let program = wat(GREEDY);
    Task::new(&[]).limits(|l| l.memory_bytes = 64 * MIB).run(&program).await.limited(LimitKind::Memory);
    // three memories of 24 MiB would each fit
    let three =
        wat(r#"(module (memory (export "memory") 384) (memory 384) (memory 384) (func (export "_start")))"#);
    Task::new(&[]).limits(|l| l.memory_bytes = 64 * MIB).run(&three).await.limited(LimitKind::Memory);
    Task::new(&[]).limits(|l| l.memory_bytes = 72 * MIB).run(&three).await.succeeded();
}

#[tokio::test]
async fn tables_count_as_memory() {
    let program = command(
        r#"(memory (export "memory") 1) (table $t 0 funcref)
           (func (export "_start")
             (if (i32.eq (table.grow $t (ref.null func) (i32.const 100000)) (i32.const -1)) (then unreachable)))"#,
    );
    Task::new(&[]).run(&program).await.succeeded();
    Task::new(&[]).limits(|l| l.memory_bytes = MIB / 2).run(&program).await.limited(LimitKind::Memory);
}

#[tokio::test]
async fn a_modules_own_maximum_is_not_the_memory_limit() {
    let program = command(
        r#"(memory (export "memory") 1 2)
           (func (export "_start") (if (i32.eq (memory.grow (i32.const 5)) (i32.const -1)) (then unreachable)))"#,
    );
    assert!(Task::new(&[]).run(&program).await.trap().contains("unreachable"));
}

#[tokio::test]
async fn garbage_collected_objects_count_as_memory() {
    let program = command(
        r#"(memory (export "memory") 1)
           (type $bytes (array (mut i8)))
           (type $link (struct (field (ref null $link)) (field (ref $bytes))))
           (func (export "_start") (local $head (ref null $link))
             (loop $l
               (local.set $head (struct.new $link (local.get $head) (array.new_default $bytes (i32.const 65536))))
               (br $l)))"#,
    );
    Task::new(&[]).limits(|l| l.memory_bytes = 16 * MIB).run(&program).await.limited(LimitKind::Memory);
}

#[tokio::test]
async fn a_guest_that_handles_refused_memory_goes_on() {
    for name in ["mem-bomb", "mem-bomb.p1"] {
        let program = guest(name);
        let ran = Task::new(&[]).limits(|l| l.memory_bytes = 32 * MIB).run(&program).await;
        ran.ended(Terminal::Failed(Failure::Exit(1)));
        assert!(ran.stdout.text().starts_with("refused after "), "{}", ran.stdout.text());
        let ran = Task::new(&["8"]).limits(|l| l.memory_bytes = 32 * MIB).run(&program).await.succeeded();
        assert_eq!(ran.stdout.text(), "held 8 MiB\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wall_time_ends_a_guest_that_computes_or_waits() {
    for name in ["spin", "spin.p1", "sleep", "sleep.p1"] {
        let task = Task::new(&[]).limits(|l| l.wall_time = Duration::from_millis(50));
        let ran = task.run(&guest(name)).await;
        ran.limited(LimitKind::WallTime);
        assert!(ran.outcome.started.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cpu_time_ends_a_guest_that_computes() {
    for name in ["spin", "spin.p1"] {
        let ran = Task::new(&[]).limits(|l| l.cpu_time = Duration::from_millis(30)).run(&guest(name)).await;
        ran.limited(LimitKind::CpuTime);
        assert!(ran.outcome.cpu >= Duration::from_millis(30));
    }
}

#[tokio::test]
async fn waiting_costs_no_cpu_time() {
    let task = Task::new(&["60"]).limits(|l| l.cpu_time = Duration::from_millis(50));
    let ran = task.run(&guest("sleep")).await.succeeded();
    assert_eq!(ran.stdout.text(), "sleeping\nawake\n");
}

/// Writes one byte a round, each one more than the last.
const COUNTS: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 8))
    (i32.store (i32.const 4) (i32.const 1))
    (loop $l
      (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
      (br $l))))"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_ends_a_guest_at_the_same_place_each_time() {
    for name in ["spin", "spin.p1"] {
        let program = load_in(&runtime(), &guest_bytes(name), Metering::Fuel);
        let ran = Task::new(&[]).limits(|l| l.fuel = Some(10_000_000)).run(&program).await;
        ran.limited(LimitKind::Fuel);
        assert_eq!(ran.stdout.text(), "spinning\n");
    }
    // how much it wrote tells where it was
    for name in ["flood", "flood.p1"] {
        let program = load_in(&runtime(), &guest_bytes(name), Metering::Fuel);
        let flood = async |fuel| {
            let ran = Task::new(&[]).limits(|l| l.fuel = Some(fuel)).run(&program).await;
            ran.limited(LimitKind::Fuel);
            ran.stdout.bytes()
        };
        let (first, second, longer) =
            (flood(2_000_000).await, flood(2_000_000).await, flood(4_000_000).await);
        assert!(!first.is_empty() && first == second, "{name}: {} and {} bytes", first.len(), second.len());
        assert!(longer.len() > first.len(), "{name}: {} and {} bytes", longer.len(), first.len());
    }
    // and to the instruction: each byte is a round of the loop
    let counts = wat::parse_str(COUNTS).unwrap();
    let program = load_in(&runtime(), &counts, Metering::Fuel);
    let count = async |fuel| {
        let ran = Task::new(&[]).limits(|l| l.fuel = Some(fuel)).run(&program).await;
        ran.limited(LimitKind::Fuel);
        ran.stdout.bytes()
    };
    let (first, second) = (count(100_000).await, count(100_000).await);
    assert!(first.len() > 1000 && first == second, "{} and {} bytes", first.len(), second.len());
}

#[tokio::test]
async fn code_without_fuel_metering_never_runs_a_task_with_a_fuel_limit() {
    let ran = Task::new(&[]).limits(|l| l.fuel = Some(1)).run(&guest("noop")).await;
    assert!(matches!(ran.outcome.terminal, Terminal::Failed(Failure::Internal(_))));
    assert_eq!(ran.outcome.started, None);
}

#[tokio::test]
async fn floods_end_at_the_exact_byte() {
    for (name, stream, kind) in [
        ("flood", "stdout", LimitKind::Stdout),
        ("flood.p1", "stdout", LimitKind::Stdout),
        ("flood", "stderr", LimitKind::Stderr),
        ("flood.p1", "stderr", LimitKind::Stderr),
    ] {
        let task = Task::new(&[stream]).limits(|l| {
            l.stdout_bytes = 100_001;
            l.stderr_bytes = 100_001;
        });
        let ran = task.run(&guest(name)).await;
        ran.limited(kind);
        let sink = if stream == "stdout" { &ran.stdout } else { &ran.stderr };
        assert_eq!(sink.bytes().len(), 100_001);
    }
}

#[tokio::test]
async fn a_guest_may_write_exactly_its_limit() {
    for name in ["echo", "echo.p1"] {
        let program = guest(name);
        let echo = |limit| Task::new(&[]).stdin(vec![7; 5000]).limits(|l| l.stdout_bytes = limit);
        echo(5000).run(&program).await.succeeded();
        echo(4999).run(&program).await.limited(LimitKind::Stdout);
    }
}

#[tokio::test]
async fn the_output_folder_keeps_to_its_limit() {
    for name in ["out-files", "out-files.p1"] {
        let program = guest(name);
        for (zeros, limit, fits) in [
            (1_000_000, MIB, true),
            (1_100_000, MIB, false),
            (64 * MIB, 300_000, false),
            (94, 100, true),
            (95, 100, false),
        ] {
            let out = tempfile::tempdir().unwrap();
            let path = out.path().to_owned();
            let ran = Task::new(&[&zeros.to_string()])
                .with(|request| request.out_dir = Some(path))
                .limits(|l| l.output_bytes = limit)
                .run(&program)
                .await;
            if fits {
                ran.succeeded();
                assert_eq!(std::fs::metadata(out.path().join("zeros")).unwrap().len(), zeros);
            } else {
                ran.limited(LimitKind::Output);
                let written = std::fs::metadata(out.path().join("zeros")).unwrap().len();
                assert!(written <= limit + 2 * MIB, "{written} bytes were written past {limit}");
            }
        }
    }
}

/// Makes `f` in the first preopened folder, with `$after` its descriptor on the stack's place.
const MAKE_FILE: &str = r#"
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "f0")
  (func $open (param $flags i32) (result i32)
    (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 2) (local.get $flags)
      (i64.const 0x3fffffff) (i64.const 0x3fffffff) (i32.const 0) (i32.const 8)))"#;

#[tokio::test]
async fn a_sparse_file_counts_with_its_length() {
    let program = command(&format!(
        r#"{MAKE_FILE}
        (func (export "_start")
          (if (call $open (i32.const 1)) (then unreachable))
          (call $exit (call $set_size (i32.load (i32.const 8)) (i64.const 0x10000000000))))"#
    ));
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_owned();
    Task::new(&[])
        .with(|request| request.out_dir = Some(path))
        .run(&program)
        .await
        .limited(LimitKind::Output);
}

#[tokio::test]
async fn handles_are_counted() {
    let program = command(&format!(
        r#"{MAKE_FILE}
        (func (export "_start")
          (loop $l (br_if $l (i32.eqz (call $open (i32.const 1)))))
          (call $exit (i32.const 99)))"#
    ));
    let dir = tempfile::tempdir().unwrap();
    let grant = DirGrant {
        host_path: dir.path().to_str().unwrap().into(),
        guest_path: "/d".into(),
        read_only: false,
    };
    let task = Task::new(&[]).with(|request| request.dirs.push(grant)).limits(|l| l.handles = 50);
    task.run(&program).await.limited(LimitKind::Handles);
}

#[tokio::test]
async fn one_host_call_moves_only_so_much() {
    let echo = || Task::new(&[]).stdin(vec![7; 9000]).limits(|l| l.host_call_bytes = 1024);
    echo().run(&guest("echo")).await.limited(LimitKind::HostCallBytes);
    // preview 1 knows short reads and writes
    let ran = echo().run(&guest("echo.p1")).await.succeeded();
    assert_eq!(ran.stdout.bytes(), vec![7; 9000]);
}

#[tokio::test]
async fn random_bytes_are_bounded_too() {
    let program = command(
        r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
           (memory (export "memory") 1)
           (func (export "_start") (call $exit (call $random (i32.const 0) (i32.const 60000))))"#,
    );
    Task::new(&[]).run(&program).await.succeeded();
    Task::new(&[])
        .limits(|l| l.host_call_bytes = 50_000)
        .run(&program)
        .await
        .limited(LimitKind::HostCallBytes);
}

#[tokio::test]
async fn deep_recursion_is_a_trap() {
    for name in ["deep-recursion", "deep-recursion.p1"] {
        let program = guest(name);
        let ran = Task::new(&[]).run(&program).await;
        assert!(ran.trap().contains("call stack exhausted"), "{}", ran.trap());
        assert!(ran.trap().ends_with(", 23 times"), "{}", ran.trap());
        assert!(ran.trap().len() <= 4096);
        Task::new(&["1000"]).run(&program).await.succeeded();
    }
}
