use anyhow::Result;

use super::Class;
use crate::{
    lab::{DURABILITIES, Lab},
    metrics::Starts,
    node::Node,
    samples::{Latency, Samples},
    watcher::submit,
};

/// The module is in memory.
pub(crate) fn warm(lab: &Lab, node: &Node) -> Result<Class> {
    lab.runtime.block_on(async {
        let (mut watcher, digest) = lab.warm_up(node, &lab.noop).await?;
        let before = Starts::read(watcher.client()).await?;
        let [mut durable, mut volatile] = [Samples::default(), Samples::default()];
        // side by side, so that what the machine does meanwhile meets both
        for _ in 0..lab.sizes.warm {
            for ((_, durability), samples) in DURABILITIES.into_iter().zip([&mut durable, &mut volatile]) {
                samples.push(watcher.time(submit(digest, durability)).await?);
            }
        }
        let asked = Starts { warm: 2 * lab.sizes.warm as u64, ..Starts::default() };
        Starts::read(watcher.client()).await?.expect(before, asked)?;
        class(&durable, &volatile)
    })
}

pub(super) fn class(durable: &Samples, volatile: &Samples) -> Result<Class> {
    let latency = |samples: &Samples| -> Result<Latency> { samples.latency() };
    Ok(Class { durable: latency(durable)?, volatile: latency(volatile)? })
}
