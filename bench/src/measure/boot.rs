use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use vyr_model::Digest;
use vyr_sdk::control::Durability;

use crate::{
    lab::Lab,
    node::NodeSetup,
    samples::{Latency, Samples},
    watcher::{Watcher, submit},
};

/// No process yet → the first task's end, by promise.
#[derive(Serialize)]
pub(crate) struct Boot {
    pub(crate) durable: Latency,
    pub(crate) volatile: Latency,
}

/// The artifact is stored, its code compiled; each start gives one sample, the promises in turn.
pub(crate) fn boot(lab: &Lab) -> Result<Boot> {
    let setup = lab.setup("boot");
    let node = setup.start()?;
    let (_, digest) = lab.runtime.block_on(lab.warm_up(&node, &lab.noop))?;
    node.stop()?;
    let [mut durable, mut volatile] = [Samples::default(), Samples::default()];
    for _ in 0..lab.sizes.boot {
        durable.push(once(lab, &setup, digest, Durability::Durable)?);
        volatile.push(once(lab, &setup, digest, Durability::Volatile)?);
    }
    Ok(Boot { durable: durable.latency()?, volatile: volatile.latency()? })
}

fn once(lab: &Lab, setup: &NodeSetup, digest: Digest, durability: Durability) -> Result<Duration> {
    let begun = Instant::now();
    let mut node = setup.spawn()?;
    node.wait_ready()?;
    let ended = lab.runtime.block_on(async {
        let mut watcher = Watcher::open(&node.client()?).await?;
        watcher.time(submit(digest, durability)).await?;
        anyhow::Ok(begun.elapsed())
    })?;
    node.stop()?;
    Ok(ended)
}
