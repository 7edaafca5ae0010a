//! Prints what a durable append costs: one writer's latency, many writers' throughput.
//!
//! `cargo run --release -p vyr-telemetry --example record_speed [FOLDER]`

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use vyr_model::TaskId;
use vyr_proto::{
    control::{SubmitTaskRequest, TaskStatus},
    record::{Accepted, Entry},
};
use vyr_telemetry::{
    Edge, Stamp, TaskTrace, new_span_id, new_trace_id,
    record::{Commit, Record, RecordOptions},
};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn accepted(task: TaskId) -> Entry {
    let request = SubmitTaskRequest {
        artifact_digest: format!("sha256:{}", "a1".repeat(32)),
        input_ref: format!("sha256:{}", "b2".repeat(32)),
        ..Default::default()
    };
    let accepted = Accepted {
        task_id: task.as_bytes().to_vec(),
        request: request.into(),
        trace_id: vec![1; 16],
        root_span_id: vec![2; 8],
        accepted_unix_nanos: Stamp::now().unix_nanos(),
        ..Default::default()
    };
    Entry { entry: Some(accepted.into()), ..Default::default() }
}

fn ended(task: TaskId) -> Entry {
    let mut trace = TaskTrace::new(new_trace_id(), None, new_span_id());
    for edge in Edge::ALL.into_iter().take(13) {
        trace.record(edge, Stamp::now(), Stamp::now());
    }
    let status = TaskStatus { task_id: task.to_string(), ..Default::default() };
    let ended = trace.into_ended(task, status, Duration::from_micros(300));
    Entry { entry: Some(ended.into()), ..Default::default() }
}

fn main() -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let temp = tempfile::tempdir()?;
    let dir = std::env::args().nth(1).map_or_else(|| temp.path().join("record"), PathBuf::from);
    let (record, recovery) = Record::open(&dir, RecordOptions::default())?;
    println!("opened: {} segments read, {} tasks left", recovery.segments_read, recovery.queued.len());
    runtime.block_on(async {
        tokio::spawn(one_writer(record.clone(), Commit::Synced)).await??;
        tokio::spawn(one_writer(record.clone(), Commit::Written)).await??;
        tokio::spawn(one_writer(record.clone(), Commit::Buffered)).await??;
        many_writers(&record, 64, 2_000).await
    })?;
    println!("{:?}", record.stats());
    drop(record);
    for _ in 0..3 {
        let begun = Instant::now();
        let (record, recovery) = Record::open(&dir, RecordOptions::default())?;
        println!("reopened in {:?}: {} segments read", begun.elapsed(), recovery.segments_read);
        drop(record);
    }
    Ok(())
}

async fn one_writer(record: Record, commit: Commit) -> Outcome {
    let mut times = Histogram::<u64>::new(3)?;
    for round in 0..3_000 {
        let task = TaskId::generate();
        for entry in [accepted(task), ended(task)] {
            let begun = Instant::now();
            record.commit(&entry, commit).await?;
            if round >= 100 {
                times.record(u64::try_from(begun.elapsed().as_nanos())?)?;
            }
        }
    }
    let micros = |quantile| times.value_at_quantile(quantile) as f64 / 1_000.0;
    println!(
        "{commit:?}: one writer P50 {:.1} µs, P99 {:.1} µs, P99.9 {:.1} µs",
        micros(0.5),
        micros(0.99),
        micros(0.999)
    );
    Ok(())
}

async fn many_writers(record: &Record, writers: u32, rounds: u32) -> Outcome {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let record = record.clone();
            tokio::spawn(async move {
                for _ in 0..rounds / 2 {
                    let task = TaskId::generate();
                    record.commit(&accepted(task), Commit::Synced).await?;
                    record.commit(&ended(task), Commit::Synced).await?;
                }
                Outcome::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let rate = f64::from(writers * rounds) / begun.elapsed().as_secs_f64();
    println!("{writers} writers: {rate:.0} durable appends/s");
    Ok(())
}
