//! What is bounded, and the one sentence that each bound answers with.

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::{self, JobState};

use super::bazaar::{Bazaar, reason};
use super::node::Node;

#[tokio::test]
async fn inputs_are_bounded_by_their_number_and_by_their_bytes() {
    let bazaar = Bazaar::with(1, |settings| settings.max_input_bytes = Some(1000)).await;
    let _node = Node::stand_by(&bazaar, 21).await;
    let spec = Bazaar::spec(Coin::Usdc, 600);
    let quote = bazaar.estimate(&spec, |estimate| estimate.quote.is_set()).await.quote;
    let file = |number: usize, size: u64| {
        let path = if number == 0 { "train.py".to_owned() } else { format!("data/{number}") };
        v1::FileInfo { path, size, sha256: vec![0; 32], ..Default::default() }
    };
    let refused = async |files: Vec<v1::FileInfo>, key: &str| {
        let request = v1::CreateJobRequest {
            spec: spec.clone().into(),
            quote: quote.clone(),
            files,
            idempotency_key: key.to_owned(),
            ..Default::default()
        };
        let error = bazaar.jobs().create_job(request).await.unwrap_err();
        assert_eq!(reason(&error), v1::Reason::REASON_BAD_REQUEST);
        error.message.unwrap()
    };
    let many = refused((0..10_001).map(|number| file(number, 0)).collect(), "many").await;
    assert_eq!(many, "files: 10001 files, at most 10000 may be uploaded");
    let large = refused(vec![file(0, 600), file(1, 401)], "large").await;
    assert_eq!(large, "files: 1001 bytes in all, at most 1000 may be uploaded");
    let longest = format!("key {}", "x".repeat(1000));
    let key = refused(vec![file(0, 10)], &longest).await;
    assert!(key.starts_with("idempotency_key: "), "{key}");
    bazaar.close().await;
}

#[tokio::test]
async fn a_log_that_is_full_says_so_once_and_the_run_goes_on() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.log(&work, 1, &["early\n"]).await;
    // as if 64 MiB had come before
    sqlx::query("UPDATE job_seq SET log_bytes = 67108000").execute(bazaar.world.db().pool()).await.unwrap();
    let line = "x".repeat(1000);
    for seq in 2..5 {
        let answer = node.log(&work, seq, &[line.as_str()]).await;
        assert!(answer.full && answer.stored_seq == seq, "{answer:?}");
    }
    // a push is a megabyte at most
    let push = v1::PushLogsRequest {
        attempt_id: work.attempt_id.clone(),
        epoch: work.epoch,
        first_seq: 5,
        entries: vec![v1::LogEntry {
            entry: Some(v1::LogChunk { data: vec![b'x'; 2 << 20], ..Default::default() }.into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    let large = node.calls.push_logs(push).await.unwrap_err();
    assert_eq!(large.message.as_deref(), Some("entries: more than 1 MiB in all: push them in parts"));
    node.pass(&bazaar, 10).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    bazaar.until(&job.id, JobState::Completed).await;
    use v1::__buffa::oneof::watch_job_response::Event;
    let said = |event: v1::WatchJobResponse| match event.event {
        Some(Event::Log(chunk)) => Some(String::from_utf8(chunk.data.clone()).unwrap()),
        _ => None,
    };
    let logs: Vec<String> = bazaar.events(&job.id).await.into_iter().filter_map(said).collect();
    assert_eq!(logs, ["early\n", "[the log is full: what comes after this is not kept]\n"]);
    bazaar.close().await;
}

#[tokio::test]
async fn outputs_are_bounded_and_the_run_can_still_end_well() {
    let bazaar = Bazaar::with(1, |settings| settings.max_output_bytes = Some(100)).await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    assert_eq!(work.max_output_bytes, 100);
    let fits = node.upload(&bazaar, &work, ("output", "a"), &[1; 60], None).await;
    let token = &work.upload_token;
    let over = bazaar.world.begin(token, (&job.id, "output", "b"), &[2; 41], None).await;
    assert_eq!(over.status, 413, "{over:?}");
    node.pass(&bazaar, 5).await;
    node.finish(&work, "succeeded", vec![fits]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.close().await;
}
