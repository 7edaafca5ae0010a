use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde::Serialize;
use vyr_model::Digest;
use vyr_sdk::control::Durability;

use super::throughput::{count_ends, submit_many};
use crate::{
    lab::Lab,
    metrics::Exported,
    samples::{Latency, Samples},
    sink::Sink,
    watcher::{Watcher, submit},
};

/// Between two looks at what waits for the receiver.
const LOOK: Duration = Duration::from_millis(50);
/// How long what waits may take to be sent.
const PATIENCE: Duration = Duration::from_secs(20);

/// What telemetry costs: three nodes in turns, one without, one that keeps it, one that exports to a receiver here.
#[derive(Serialize)]
pub(crate) struct Telemetry {
    pub(crate) off: Latency,
    pub(crate) on: Latency,
    pub(crate) p50_ratio: f64,
    /// Time for a block of tasks in flight, on by off: the median of the rounds' ratios.
    pub(crate) throughput_ratio: f64,
    /// The same of the node that exports nothing.
    kept: Latency,
    kept_p50_ratio: f64,
    kept_throughput_ratio: f64,
    exported: Exported,
    requests_received: u64,
    bytes_received: u64,
}

pub(crate) fn telemetry(lab: &Lab) -> Result<Telemetry> {
    let sink = Sink::open()?;
    let mut off = lab.setup("telemetry-off");
    off.args.push("--no-telemetry".to_owned());
    let kept = lab.setup("telemetry-kept");
    let mut on = lab.setup("telemetry-on");
    on.env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), sink.endpoint()));
    on.env.push(("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "http/protobuf".to_owned()));
    let nodes = [off.start()?, kept.start()?, on.start()?];
    lab.runtime.block_on(async {
        let mut sides = Vec::new();
        for node in &nodes {
            let (watcher, digest) = lab.warm_up(node, &lab.noop).await?;
            sides.push(Side { watcher, digest, samples: Samples::default(), times: Vec::new() });
        }
        for round in 0..lab.sizes.telemetry_rounds {
            // each goes first in turn
            let (after, before) = sides.split_at_mut(round % nodes.len());
            for side in before.iter_mut().chain(after) {
                side.block(lab).await?;
                // what is left of a batch is not to be sent in another's turn
                side.drain().await?;
            }
        }
        let [off, kept, on] = sides.as_slice() else { bail!("three nodes were to be measured") };
        let exported = Exported::read(on.watcher.client()).await?;
        ensure!(exported.dropped == 0, "{} spans were not exported", exported.dropped);
        let (without, keeping, with) =
            (off.samples.latency()?, kept.samples.latency()?, on.samples.latency()?);
        let (requests_received, bytes_received) = sink.received();
        Ok(Telemetry {
            p50_ratio: with.p50_us / without.p50_us,
            throughput_ratio: on.over(off),
            kept_p50_ratio: keeping.p50_us / without.p50_us,
            kept_throughput_ratio: kept.over(off),
            off: without,
            kept: keeping,
            on: with,
            exported,
            requests_received,
            bytes_received,
        })
    })
}

/// One of the nodes.
struct Side {
    watcher: Watcher,
    digest: Digest,
    samples: Samples,
    /// Seconds of each round's tasks in flight.
    times: Vec<f64>,
}

impl Side {
    /// Runs tasks one by one, then ten times as many in flight.
    async fn block(&mut self, lab: &Lab) -> Result<()> {
        let request = submit(self.digest, Durability::Volatile);
        for _ in 0..lab.sizes.telemetry_block {
            self.samples.push(self.watcher.time(request.clone()).await?);
        }
        let many = 10 * lab.sizes.telemetry_block;
        let begun = Instant::now();
        let sending = tokio::spawn(submit_many(self.watcher.client().clone(), request, many));
        count_ends(&mut self.watcher, many).await?;
        self.times.push(begun.elapsed().as_secs_f64());
        sending.await?
    }

    /// Waits until everything was sent.
    async fn drain(&self) -> Result<()> {
        let begun = Instant::now();
        while Exported::read(self.watcher.client()).await?.queued > 0 {
            ensure!(begun.elapsed() < PATIENCE, "the receiver does not take the spans");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// The median of the rounds' ratios.
    fn over(&self, other: &Self) -> f64 {
        let mut ratios: Vec<_> =
            self.times.iter().zip(&other.times).map(|(own, other)| own / other).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    }
}
