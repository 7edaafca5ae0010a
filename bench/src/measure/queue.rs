use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use vyr_sdk::control::{CancelTaskRequest, Durability, TaskState};

use super::throughput::{count_ends, now, submit_many, succeeded};
use crate::{
    lab::{Lab, key},
    node::Node,
    watcher::{Watcher, submit},
};

/// Tasks that a node executes at once by default: so many sleepers leave no room.
const RUNNERS: usize = 64;

/// Many tasks that wait, then run.
#[derive(Serialize)]
pub(crate) struct QueueRun {
    pub(crate) tasks: usize,
    /// From the first submit until all are acknowledged and wait, durably.
    pub(crate) queue_seconds: f64,
    /// From the moment when there is room until the last has ended.
    pub(crate) drain_seconds: f64,
    pub(crate) lost: usize,
}

/// Fills the queue while nothing can run, then lets it drain.
pub(crate) fn queue(lab: &Lab, node: &Node) -> Result<QueueRun> {
    let tasks = lab.sizes.queue;
    lab.runtime.block_on(async {
        let (mut watcher, digest) = lab.warm_up(node, &lab.noop).await?;
        let client = watcher.client().clone();
        let sleep = lab.sleep.put(&client, &key(node)?).await?;
        let sleepers = block(&client, submit(sleep, Durability::Volatile)).await?;

        let since = now();
        let begun = Instant::now();
        submit_many(client.clone(), submit(digest, Durability::Durable), tasks).await?;
        let queue_seconds = begun.elapsed().as_secs_f64();
        lab.say("the queue is full; now it drains");
        let begun = Instant::now();
        for task_id in sleepers {
            client.cancel_task(CancelTaskRequest { task_id, ..Default::default() }).await?;
        }
        count_ends(&mut watcher, tasks + RUNNERS).await?;
        let drain_seconds = begun.elapsed().as_secs_f64();
        let lost = tasks - succeeded(&client, digest, since).await?.min(tasks);
        Ok(QueueRun { tasks, queue_seconds, drain_seconds, lost })
    })
}

/// Gives every runner a task that sleeps.
async fn block(
    client: &vyr_sdk::Client,
    request: vyr_sdk::control::SubmitTaskRequest,
) -> Result<Vec<String>> {
    let mut watcher = Watcher::open_with_running(client).await?;
    let mut sleepers = Vec::new();
    for _ in 0..RUNNERS {
        let task = client.submit_task(request.clone()).await?;
        watcher.until(&task.task_id, TaskState::Running).await?;
        sleepers.push(task.task_id);
    }
    Ok(sleepers)
}
