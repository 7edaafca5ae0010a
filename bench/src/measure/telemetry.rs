use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use vyr_model::Digest;
use vyr_sdk::control::Durability;

use super::throughput::{count_ends, submit_many};
use crate::{
    lab::Lab,
    samples::{Latency, Samples},
    sink::Sink,
    watcher::{Watcher, submit},
};

/// What telemetry costs: two nodes in turns, one without, one that exports to a receiver here.
#[derive(Serialize)]
pub(crate) struct Telemetry {
    pub(crate) off: Latency,
    pub(crate) on: Latency,
    pub(crate) p50_ratio: f64,
    /// Time for a block of tasks in flight, on by off: the median of the rounds' ratios.
    pub(crate) throughput_ratio: f64,
    requests_received: u64,
    bytes_received: u64,
}

pub(crate) fn telemetry(lab: &Lab) -> Result<Telemetry> {
    let sink = Sink::open()?;
    let mut off = lab.setup("telemetry-off");
    off.args.push("--no-telemetry".to_owned());
    let mut on = lab.setup("telemetry-on");
    on.env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), sink.endpoint()));
    on.env.push(("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "http/protobuf".to_owned()));
    let (off, on) = (off.start()?, on.start()?);
    lab.runtime.block_on(async {
        let mut sides = [lab.warm_up(&off, &lab.noop).await?, lab.warm_up(&on, &lab.noop).await?];
        let mut samples = [Samples::default(), Samples::default()];
        let mut ratios = Vec::new();
        for round in 0..lab.sizes.telemetry_rounds {
            let mut times = [0.0; 2];
            // each goes first in turn
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let (Some((watcher, digest)), Some(samples), Some(time)) =
                    (sides.get_mut(side), samples.get_mut(side), times.get_mut(side))
                else {
                    continue;
                };
                *time = block(lab, watcher, *digest, samples).await?;
            }
            let [without, with] = times;
            ratios.push(with / without);
        }
        ratios.sort_by(f64::total_cmp);
        let throughput_ratio = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
        let [off, on] = samples;
        let (off, on) = (off.latency()?, on.latency()?);
        let p50_ratio = on.p50_us / off.p50_us;
        let (requests_received, bytes_received) = sink.received();
        Ok(Telemetry { off, on, p50_ratio, throughput_ratio, requests_received, bytes_received })
    })
}

/// Runs tasks one by one into `samples`, then ten times as many in flight; returns the seconds of those.
async fn block(lab: &Lab, watcher: &mut Watcher, digest: Digest, samples: &mut Samples) -> Result<f64> {
    let request = submit(digest, Durability::Volatile);
    for _ in 0..lab.sizes.telemetry_block {
        samples.push(watcher.time(request.clone()).await?);
    }
    let many = 10 * lab.sizes.telemetry_block;
    let begun = Instant::now();
    let sending = tokio::spawn(submit_many(watcher.client().clone(), request, many));
    count_ends(watcher, many).await?;
    let seconds = begun.elapsed().as_secs_f64();
    sending.await??;
    Ok(seconds)
}
