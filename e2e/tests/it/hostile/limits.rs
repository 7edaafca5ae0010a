//! Every limit ends its task by its own name, in the API and in the trace.

use std::time::Duration;

use buffa::Enumeration as _;
use vyr_model::Digest;
use vyr_sdk::control::{BindMode, FailureKind, LimitKind, ProtoDuration, TaskState, TaskStatus};

use crate::support::{Node, Submit, shown};

const MIB: u64 = 1 << 20;

/// Grows its memory until that is refused, then traps.
const GREEDY: &str = r#"(module (memory (export "memory") 1)
  (func (export "_start")
    (loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    unreachable))"#;

/// Grows a table as [`GREEDY`] grows its memory.
const TABLES: &str = r#"(module (memory (export "memory") 1) (table $t 0 funcref)
  (func (export "_start")
    (loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))
    unreachable))"#;

/// Opens one file after the other in its first folder, and closes none.
const OPENS: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "f0")
  (func (export "_start")
    (loop $l (br_if $l (i32.eqz (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 2)
      (i32.const 1) (i64.const 0x3fffffff) (i64.const 0x3fffffff) (i32.const 0) (i32.const 8)))))
    (call $exit (i32.const 99))))"#;

fn millis(millis: i32) -> ProtoDuration {
    ProtoDuration { nanos: millis * 1_000_000, ..Default::default() }
}

/// One task for each limit, and what has to end it.
fn cases(node: &Node, input: &str) -> Vec<(&'static str, Submit, LimitKind)> {
    let wat = |name: &str, text: &str| node.put_wasm(name, &wat::parse_str(text).unwrap());
    let submit = |digest: &str| Submit::new(digest);
    let put = |name: &str| submit(&node.put(name));
    let (spin, flood) = (put("spin"), put("flood"));
    let kv = submit(&node.put_with_states("kv", &["s"])).state("s", "", BindMode::Ro);
    vec![
        ("memory", submit(&wat("greedy", GREEDY)).limits(|l| l.memory_bytes = 64 * MIB), LimitKind::Memory),
        ("tables", submit(&wat("tables", TABLES)).limits(|l| l.memory_bytes = MIB), LimitKind::Memory),
        ("waits", put("sleep").wall_time(Duration::from_millis(300)), LimitKind::WallTime),
        ("computes", spin.clone().wall_time(Duration::from_millis(300)), LimitKind::WallTime),
        ("cpu", spin.clone().limits(|l| l.cpu_time = millis(100).into()), LimitKind::CpuTime),
        ("fuel", spin.limits(|l| l.fuel = 10_000_000), LimitKind::Fuel),
        ("stdout", flood.clone().limits(|l| l.stdout_bytes = 100_001), LimitKind::Stdout),
        ("stderr", flood.args(["stderr"]).limits(|l| l.stderr_bytes = 100_001), LimitKind::Stderr),
        ("output", put("out-files").args(["2000000"]).limits(|l| l.output_bytes = MIB), LimitKind::Output),
        (
            "handles",
            submit(&wat("opens", OPENS)).dir(node.dir(), "/d").limits(|l| l.handles = 50),
            LimitKind::Handles,
        ),
        (
            "host-call",
            put("echo").input(input).limits(|l| l.host_call_bytes = 1024),
            LimitKind::HostCallBytes,
        ),
        ("hold", kv.hold_time(Duration::from_millis(100)), LimitKind::HoldTime),
    ]
}

/// The status, the terminal span and the limit's own edge tell the same.
fn check(node: &Node, case: &str, kind: LimitKind, status: &TaskStatus) {
    let got = (status.state.as_known(), status.failure.as_known(), status.limit.as_known());
    let wanted = (Some(TaskState::Failed), Some(FailureKind::Limit), Some(kind));
    assert_eq!(got, wanted, "{case}: {}", shown(status));
    assert_eq!(status.exit_code, 0, "{case}");
    let name = kind.proto_name().strip_prefix("LIMIT_KIND_").unwrap().to_ascii_lowercase();
    for span in ["vyr.terminal", "vyr.task"] {
        let span = node.span(&status.task_id, span);
        let said = ["vyr.task.state", "vyr.task.failure", "vyr.task.limit"].map(|key| span.attribute(key));
        assert_eq!(said, ["failed", "limit", name.as_str()], "{case}: {span:?}");
    }
    node.span(&status.task_id, "vyr.limit");
}

#[tokio::test]
async fn each_has_its_own_reason_in_the_api_and_in_the_trace() {
    let mut node = Node::with(["--compile-deadline", "5m"]);
    let client = node.client();
    let bytes = vec![7; 9000];
    let input = Digest::of(&bytes);
    client.put_blob(input, 9000, std::io::Cursor::new(bytes)).await.unwrap();
    let cases = cases(&node, &input.to_string());
    let statuses = futures::future::join_all(cases.iter().map(|(_, submit, _)| submit.run(&client))).await;
    for ((case, _, kind), status) in cases.iter().zip(&statuses) {
        check(&node, case, *kind, status);
    }
    // none is left out: a new limit belongs into the table
    let known = (1..).map_while(LimitKind::from_i32);
    for kind in known {
        assert!(cases.iter().any(|(_, _, covered)| *covered == kind), "{kind:?}");
    }
    assert!(node.is_alive());
}
