use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::task::JoinSet;
use vyr_model::Digest;
use vyr_sdk::{
    Client, ErrorKind, SdkError,
    control::{Durability, ProtoTimestamp, StreamTracesRequest, SubmitTaskRequest, TaskState, TraceFilter},
};

use crate::{
    lab::Lab,
    node::Node,
    watcher::{Watcher, submit},
};

/// Submits that wait for their answer at once.
const IN_FLIGHT: usize = 64;
/// The pause after a refusal for want of room.
const BACK_OFF: Duration = Duration::from_millis(20);

/// Many no-op tasks, as fast as they are taken.
#[derive(Serialize)]
pub(crate) struct Throughput {
    pub(crate) tasks: usize,
    in_flight: usize,
    pub(crate) durable_per_second: f64,
    pub(crate) volatile_per_second: f64,
    /// Submitted, and not found in the history as succeeded.
    pub(crate) lost: usize,
}

pub(crate) fn throughput(lab: &Lab, node: &Node) -> Result<Throughput> {
    let tasks = lab.sizes.throughput;
    lab.runtime.block_on(async {
        let (mut watcher, digest) = lab.warm_up(node, &lab.noop).await?;
        let mut lost = 0;
        let mut rates = [0.0; 2];
        for (rate, durability) in rates.iter_mut().zip([Durability::Durable, Durability::Volatile]) {
            let since = now();
            let begun = Instant::now();
            let client = watcher.client().clone();
            let sending = tokio::spawn(submit_many(client, submit(digest, durability), tasks));
            let ended = count_ends(&mut watcher, tasks).await?;
            *rate = tasks as f64 / begun.elapsed().as_secs_f64();
            sending.await??;
            anyhow::ensure!(ended == tasks, "{ended} tasks ended where {tasks} were submitted");
            lost += tasks - succeeded(watcher.client(), digest, since).await?.min(tasks);
        }
        let [durable_per_second, volatile_per_second] = rates;
        Ok(Throughput { tasks, in_flight: IN_FLIGHT, durable_per_second, volatile_per_second, lost })
    })
}

/// Submits the same task many times, some at once.
pub(super) async fn submit_many(client: Client, request: SubmitTaskRequest, tasks: usize) -> Result<()> {
    let left = Arc::new(AtomicUsize::new(tasks));
    let mut senders = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (client, request, left) = (client.clone(), request.clone(), Arc::clone(&left));
        senders.spawn(async move {
            while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                submit_patiently(&client, &request).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    Ok(())
}

async fn submit_patiently(client: &Client, request: &SubmitTaskRequest) -> Result<()> {
    loop {
        match client.submit_task(request.clone()).await {
            Ok(_) => return Ok(()),
            Err(SdkError::Refused { kind: ErrorKind::ResourceExhausted, .. }) => {
                tokio::time::sleep(BACK_OFF).await;
            }
            Err(error) => return Err(error).context("a submit failed"),
        }
    }
}

/// Waits for the ends of so many tasks. What the stream leaves out has ended too.
pub(super) async fn count_ends(watcher: &mut Watcher, tasks: usize) -> Result<usize> {
    let mut ended = 0;
    while ended < tasks {
        let (seen, dropped) = watcher.next().await?;
        ended += seen.len() + usize::try_from(dropped)?;
    }
    Ok(ended)
}

/// Counts an artifact's tasks in the history that succeeded.
pub(super) async fn succeeded(client: &Client, artifact: Digest, since: ProtoTimestamp) -> Result<usize> {
    let filter = TraceFilter {
        artifact_digest: artifact.to_string(),
        states: vec![TaskState::Succeeded.into()],
        since: since.into(),
        ..Default::default()
    };
    let request = StreamTracesRequest { filter: filter.into(), no_spans: true, ..Default::default() };
    let mut stream = client.stream_traces(request).await?;
    let mut count = 0;
    while let Some(message) = stream.next().await? {
        count += message.tasks.len();
    }
    Ok(count)
}

pub(super) fn now() -> ProtoTimestamp {
    let now = jiff::Timestamp::now();
    ProtoTimestamp { seconds: now.as_second(), nanos: now.subsec_nanosecond(), ..Default::default() }
}
