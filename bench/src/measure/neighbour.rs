use anyhow::Result;
use serde::Serialize;
use vyr_model::Digest;
use vyr_sdk::{
    Client,
    control::{CancelTaskRequest, Durability, TaskState},
};

use crate::{
    lab::{Lab, key},
    node::Node,
    samples::{Latency, Samples},
    watcher::{Watcher, submit},
};

/// Guests that loop beside the measured ones.
const SPINNERS: usize = 2;

/// A no-op task, alone and beside hostile neighbours (volatile).
#[derive(Serialize)]
pub(crate) struct Neighbour {
    spinners: usize,
    pub(crate) idle: Latency,
    pub(crate) hostile: Latency,
    pub(crate) p99_ratio: f64,
}

pub(crate) fn neighbour(lab: &Lab, node: &Node) -> Result<Neighbour> {
    lab.runtime.block_on(async {
        let (mut watcher, digest) = lab.warm_up(node, &lab.noop).await?;
        let client = watcher.client().clone();
        let spin = lab.spin.put(&client, &key(node)?).await?;
        let request = submit(digest, Durability::Volatile);
        let idle = take(lab, &mut watcher, &request).await?;
        let spinners = spin_up(&client, spin).await?;
        let hostile = take(lab, &mut watcher, &request).await;
        for task_id in spinners {
            client.cancel_task(CancelTaskRequest { task_id, ..Default::default() }).await?;
        }
        let hostile = hostile?;
        let p99_ratio = hostile.p99_us / idle.p99_us;
        Ok(Neighbour { spinners: SPINNERS, idle, hostile, p99_ratio })
    })
}

/// Starts the neighbours and sees them run: it is guests that are beside the measured ones, no compiler.
async fn spin_up(client: &Client, spin: Digest) -> Result<Vec<String>> {
    let mut watcher = Watcher::open_with_running(client).await?;
    let mut spinners = Vec::new();
    for _ in 0..SPINNERS {
        let task_id = client.submit_task(submit(spin, Durability::Volatile)).await?.task_id;
        watcher.until(&task_id, TaskState::Running).await?;
        spinners.push(task_id);
    }
    Ok(spinners)
}

async fn take(
    lab: &Lab,
    watcher: &mut Watcher,
    request: &vyr_sdk::control::SubmitTaskRequest,
) -> Result<Latency> {
    let mut samples = Samples::default();
    for _ in 0..lab.sizes.neighbour {
        samples.push(watcher.time(request.clone()).await?);
    }
    samples.latency()
}
