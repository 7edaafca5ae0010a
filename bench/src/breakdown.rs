//! Where the time goes, as the node's own spans tell.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use anyhow::Result;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message as _;
use serde::Serialize;
use vyr_sdk::{
    Client,
    control::{ProtoTimestamp, StreamTracesRequest, TraceFilter},
};

use crate::samples::{Latency, Samples};

/// Tasks that are looked at, the newest.
const TASKS: u32 = 2_000;
/// The span that only a durable task has.
const DURABLE: &str = "vyr.commit";

/// Times of each span by its name.
#[derive(Default)]
pub(crate) struct Spans {
    durable: BTreeMap<String, Samples>,
    volatile: BTreeMap<String, Samples>,
}

/// One step of a task's way.
#[derive(Serialize)]
pub(crate) struct Step {
    pub(crate) span: String,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// The steps by promise.
#[derive(Serialize)]
pub(crate) struct Breakdown {
    pub(crate) durable: Vec<Step>,
    pub(crate) volatile: Vec<Step>,
}

impl Spans {
    /// Reads the spans of the tasks that a node took since then.
    pub(crate) async fn read(&mut self, client: &Client, since: ProtoTimestamp) -> Result<()> {
        let filter = TraceFilter { since: since.into(), ..Default::default() };
        let request =
            StreamTracesRequest { filter: filter.into(), history_limit: TASKS, ..Default::default() };
        let mut stream = client.stream_traces(request).await?;
        while let Some(message) = stream.next().await? {
            let data = TracesData::decode(message.traces_data.as_ref())?;
            let mut tasks: HashMap<Vec<u8>, Vec<(String, Duration)>> = HashMap::new();
            let scopes = data.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            for span in scopes.flat_map(|scope| scope.spans) {
                let time = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
                tasks.entry(span.trace_id).or_default().push((span.name, Duration::from_nanos(time)));
            }
            for spans in tasks.into_values() {
                self.add(spans);
            }
        }
        Ok(())
    }

    fn add(&mut self, spans: Vec<(String, Duration)>) {
        let durable = spans.iter().any(|(name, _)| name == DURABLE);
        let by_name = if durable { &mut self.durable } else { &mut self.volatile };
        for (name, time) in spans {
            by_name.entry(name).or_default().push(time);
        }
    }

    pub(crate) fn breakdown(&self) -> Result<Breakdown> {
        Ok(Breakdown { durable: steps(&self.durable)?, volatile: steps(&self.volatile)? })
    }
}

fn steps(by_name: &BTreeMap<String, Samples>) -> Result<Vec<Step>> {
    let step = |(name, samples): (&String, &Samples)| {
        let Latency { p50_us, p99_us, .. } = samples.latency()?;
        Ok(Step { span: name.trim_start_matches("vyr.").to_owned(), p50_us, p99_us })
    };
    by_name.iter().map(step).collect()
}
