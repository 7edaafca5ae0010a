use anyhow::Result;
use serde::Serialize;
use vyr_model::Digest;
use vyr_sdk::control::Durability;

use super::{Class, warm::class};
use crate::{
    artifact::Program,
    lab::{Lab, key},
    metrics::Starts,
    node::Node,
    samples::Samples,
    watcher::{Watcher, submit},
};

/// The two classes that need many artifacts.
#[derive(Serialize)]
pub(crate) struct Cold {
    pub(crate) unseen: Class,
    pub(crate) cold: Class,
}

/// *Unseen*: a component of 100 kB is put and was never compiled. *Cold*: the code of no-op
/// components is on disk; the node started after that, and each is run once a start.
pub(crate) fn cold(lab: &Lab) -> Result<Cold> {
    let setup = lab.setup("cold");
    let node = setup.start()?;
    let unseen = lab.runtime.block_on(unseen(lab, &node))?;
    lab.say("compiling for the cold class");
    let artifacts = lab.runtime.block_on(compile(lab, &node))?;
    node.stop()?;

    let [mut durable, mut volatile] = [Samples::default(), Samples::default()];
    for round in 0..lab.sizes.cold_rounds {
        for (durability, samples) in
            [(Durability::Durable, &mut durable), (Durability::Volatile, &mut volatile)]
        {
            lab.say(&format!("cold, round {} {durability:?}", round + 1));
            let node = setup.start()?;
            samples.extend(lab.runtime.block_on(run_once(&node, &artifacts, durability))?);
            node.stop()?;
        }
    }
    Ok(Cold { unseen, cold: class(&durable, &volatile)? })
}

async fn unseen(lab: &Lab, node: &Node) -> Result<Class> {
    // connections and threads are up, as in every other class but boot
    let (mut watcher, _) = lab.warm_up(node, &lab.noop).await?;
    let mut artifacts = Vec::new();
    for number in 0..2 * lab.sizes.unseen {
        artifacts.push(put(node, &lab.large, &watcher, number).await?);
    }
    let before = Starts::read(watcher.client()).await?;
    let [mut durable, mut volatile] = [Samples::default(), Samples::default()];
    for pair in artifacts.chunks_exact(2) {
        let [first, second] = pair else { continue };
        durable.push(watcher.time(submit(*first, Durability::Durable)).await?);
        volatile.push(watcher.time(submit(*second, Durability::Volatile)).await?);
    }
    let asked = Starts { unseen: artifacts.len() as u64, ..Starts::default() };
    Starts::read(watcher.client()).await?.expect(before, asked)?;
    class(&durable, &volatile)
}

async fn put(node: &Node, program: &Program, watcher: &Watcher, number: usize) -> Result<Digest> {
    program.variant(number).put(watcher.client(), &key(node)?).await
}

/// Puts no-op components and runs each once; the first one is for warming up alone.
async fn compile(lab: &Lab, node: &Node) -> Result<Vec<Digest>> {
    let mut watcher = Watcher::open(&node.client()?).await?;
    let mut artifacts = Vec::new();
    for number in 0..=lab.sizes.cold_artifacts {
        let digest = put(node, &lab.noop, &watcher, number).await?;
        watcher.time(submit(digest, Durability::Volatile)).await?;
        artifacts.push(digest);
    }
    Ok(artifacts)
}

async fn run_once(node: &Node, artifacts: &[Digest], durability: Durability) -> Result<Samples> {
    let mut samples = Samples::default();
    let mut watcher = Watcher::open(&node.client()?).await?;
    let [first, others @ ..] = artifacts else { return Ok(samples) };
    watcher.time(submit(*first, durability)).await?;
    for digest in others {
        samples.push(watcher.time(submit(*digest, durability)).await?);
    }
    let asked = Starts { cold: artifacts.len() as u64, ..Starts::default() };
    Starts::read(watcher.client()).await?.expect(Starts::default(), asked)?;
    Ok(samples)
}
