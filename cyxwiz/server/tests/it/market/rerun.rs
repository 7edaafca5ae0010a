//! Deterministic jobs are run again; a node whose result is another is not paid.

use std::time::Duration;

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::{self, JobState};

use super::bazaar::Bazaar;
use super::crash::server;
use super::node::Node;

/// Writes `same` into `/output/result`.
const PROGRAM: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "same")
  (data (i32.const 128) "result")
  (func (export "_start")
    (if (call $open (i32.const 4) (i32.const 0) (i32.const 128) (i32.const 6) (i32.const 1)
                    (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 16))
      (then (call $exit (i32.const 9))))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 4))
    (if (call $write (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (call $exit (i32.const 8))))))"#;

async fn delivered(bazaar: &Bazaar, node: &mut Node, output: &[u8], key: &str) -> String {
    let program = wat::parse_str(PROGRAM).unwrap();
    let wasm =
        v1::WasmWorkload { artifact: "program.wasm".to_owned(), deterministic: true, ..Default::default() };
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.workload = Some(wasm.into());
    spec.max_attempts = 1;
    let job = bazaar.create_of(spec, ("program.wasm", &program), (0, 0), key).await;
    bazaar.upload_of(&job, ("program.wasm", &program)).await;
    let open_signature = bazaar.fund(&job).await;
    let request = v1::QueueJobRequest { job_id: job.id.clone(), open_signature, ..Default::default() };
    bazaar.jobs().queue_job(request).await.unwrap();
    let work = node.start(bazaar).await;
    let output = node.upload(bazaar, &work, ("output", "result"), output, None).await;
    node.finish(&work, "succeeded", vec![output]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    job.id
}

#[tokio::test]
async fn a_result_that_a_second_run_does_not_give_is_not_paid() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 5_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let true_one = delivered(&bazaar, &mut node, b"same", "true").await;
    let lie = delivered(&bazaar, &mut node, b"other", "lie").await;
    // both are chosen, whatever chance said
    let pool = bazaar.world.db().pool();
    sqlx::query("UPDATE jobs SET recheck = 'due'").execute(pool).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut other = server(&bazaar, folder.path(), "");
    let start = tokio::time::Instant::now();
    loop {
        let due: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE recheck = 'due'")
            .fetch_one(pool)
            .await
            .unwrap();
        if due == 0 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "nobody ran it again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let found: Vec<(String, String)> =
        sqlx::query_as("SELECT recheck, recheck_note FROM jobs ORDER BY id").fetch_all(pool).await.unwrap();
    assert_eq!(found[0].0, "agrees", "{found:?}");
    assert_eq!((found[1].0.as_str(), found[1].1.as_str()), ("differs", "`result` has other bytes"));
    let refunded = bazaar.until(&lie, JobState::Refunded).await;
    assert_eq!(refunded.ending.as_option().unwrap().reason, "bad_result");
    sqlx::query("UPDATE jobs SET dispute_until = 0").execute(pool).await.unwrap();
    bazaar.until(&true_one, JobState::Completed).await;
    other.kill().unwrap();
    other.wait().unwrap();
    bazaar.no_alarms().await;
    bazaar.close().await;
}
