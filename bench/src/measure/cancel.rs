use std::time::Instant;

use anyhow::Result;
use vyr_sdk::control::{CancelTaskRequest, Durability, TaskState};

use crate::{
    lab::{Lab, key},
    node::Node,
    samples::{Latency, Samples},
    watcher::{Watcher, submit},
};

/// CancelTask of an infinite loop → its end is seen.
pub(crate) fn cancel(lab: &Lab, node: &Node) -> Result<Latency> {
    lab.runtime.block_on(async {
        let client = node.client()?;
        let digest = lab.spin.put(&client, &key(node)?).await?;
        let mut watcher = Watcher::open_with_running(&client).await?;
        let mut samples = Samples::default();
        for _ in 0..lab.sizes.cancel {
            let task_id = client.submit_task(submit(digest, Durability::Volatile)).await?.task_id;
            watcher.until(&task_id, TaskState::Running).await?;
            // instantiation follows the state: let it get into the loop
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            let begun = Instant::now();
            let request = CancelTaskRequest { task_id: task_id.clone(), ..Default::default() };
            let (answer, ended) =
                tokio::join!(client.cancel_task(request), watcher.until(&task_id, TaskState::Cancelled));
            answer?;
            samples.push(ended?.duration_since(begun));
        }
        samples.latency()
    })
}
