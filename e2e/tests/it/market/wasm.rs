use std::fs;

use serde_json::Value;

use e2e::market::Platform;

/// Writes 16 random bytes into `result` of `/output`, the first folder after `/job`.
pub(super) const DRAW: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 128) "result")
  (data (i32.const 144) "drawn\n")
  (func $say (param $fd i32) (param $from i32) (param $bytes i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $bytes))
    (if (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $exit (i32.const 8)))))
  (func (export "_start")
    (drop (call $random (i32.const 64) (i32.const 16)))
    (if (call $open (i32.const 4) (i32.const 0) (i32.const 128) (i32.const 6) (i32.const 1)
                    (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 16))
      (then (call $exit (i32.const 9))))
    (call $say (i32.load (i32.const 16)) (i32.const 64) (i32.const 16))
    (call $say (i32.const 1) (i32.const 144) (i32.const 6))))"#;

#[test]
fn a_deterministic_job_is_run_again_before_it_is_paid() {
    // every one of them, not a sample
    let platform = Platform::with(["--recheck-percent=100"]);
    let seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let program = platform.folder("wasm").join("draw.wasm");
    fs::write(&program, wat::parse_str(DRAW).unwrap()).unwrap();
    let more = ["--gpu-type", "cpu", "--max-price", "0.10", "--timeout", "60", "--deterministic"];
    let job = buyer.submit(&program, &more);
    let done = buyer.reaches(&job, &["completed"]);
    assert_eq!(done["ending"]["reason"], "succeeded");
    // the second run is there, it gave the same, and it was before the payment
    let kept: Value =
        serde_json::from_str(&platform.server.admin(&["job", "show", &job, "-o", "json"])).unwrap();
    assert_eq!(
        (kept["recheck"].as_str(), kept["recheck_note"].as_str()),
        (Some("agrees"), Some("")),
        "{kept:#}"
    );
    assert!(buyer.ok(&["watch", &job]).contains("drawn"));
    let results = platform.folder("results");
    buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    assert_eq!(fs::read(results.join("result")).unwrap().len(), 16);
    // the run is a task of the seller's VYR, in the trace of the job
    let attempt = &done["attempts"][0];
    let (task, trace) = (attempt["task_id"].as_str().unwrap(), attempt["trace_id"].as_str().unwrap());
    let shown = seller.vyr(&["traces", "stream", "--task", task]);
    assert!(shown.contains("[submit]") && shown.contains("[complete]"), "{shown}");
    assert_eq!(trace.len(), 32);
    assert!(seller.vyr(&["task", "ls", "-o", "json"]).contains(trace));
}
