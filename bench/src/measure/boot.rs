use std::time::Instant;

use anyhow::Result;
use vyr_sdk::control::Durability;

use crate::{
    lab::Lab,
    samples::{Latency, Samples},
    watcher::{Watcher, submit},
};

/// No process yet → the first task's end, durable. The artifact is stored, its code compiled.
pub(crate) fn boot(lab: &Lab) -> Result<Latency> {
    let setup = lab.setup("boot");
    let node = setup.start()?;
    let (_, digest) = lab.runtime.block_on(lab.warm_up(&node, &lab.noop))?;
    node.stop()?;
    let mut samples = Samples::default();
    for _ in 0..lab.sizes.boot {
        let begun = Instant::now();
        let mut node = setup.spawn()?;
        node.wait_ready()?;
        let ended = lab.runtime.block_on(async {
            let mut watcher = Watcher::open(&node.client()?).await?;
            watcher.time(submit(digest, Durability::Durable)).await?;
            anyhow::Ok(begun.elapsed())
        })?;
        samples.push(ended);
        node.stop()?;
    }
    samples.latency()
}
