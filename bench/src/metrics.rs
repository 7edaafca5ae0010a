//! What the node itself counts: whether a class was what it was meant to be.

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    metrics::v1::{MetricsData, metric::Data},
};
use prost::Message as _;
use serde::Serialize;
use vyr_sdk::{Client, control::StreamMetricsRequest};

/// Tasks that started so, since the node did.
#[derive(Serialize, Clone, Copy, Default)]
pub(crate) struct Starts {
    pub(crate) unseen: u64,
    pub(crate) cold: u64,
    pub(crate) warm: u64,
}

impl Starts {
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let request = StreamMetricsRequest {
            once: true,
            name_prefix: "faas.init_duration".to_owned(),
            ..Default::default()
        };
        let mut stream = client.stream_metrics(request).await?;
        let message = stream.next().await?.context("the node sent no metrics")?;
        let metrics = MetricsData::decode(message.metrics_data.as_ref())?;
        let mut starts = Self::default();
        let scopes = metrics.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &scope.metrics) {
            let Some(Data::Histogram(histogram)) = &metric.data else { continue };
            for point in &histogram.data_points {
                let class = point.attributes.iter().find_map(|attribute| {
                    match attribute.value.as_ref()?.value.as_ref()? {
                        Value::StringValue(text) => Some(text.as_str()),
                        _ => None,
                    }
                });
                match class {
                    Some("unseen") => starts.unseen += point.count,
                    Some("cold") => starts.cold += point.count,
                    Some("warm") => starts.warm += point.count,
                    _ => {}
                }
            }
        }
        Ok(starts)
    }

    /// Fails where other than `asked` happened since `before`.
    pub(crate) fn expect(self, before: Self, asked: Self) -> Result<()> {
        let now = (self.unseen - before.unseen, self.cold - before.cold, self.warm - before.warm);
        anyhow::ensure!(
            now == (asked.unseen, asked.cold, asked.warm),
            "the tasks started otherwise than meant: {now:?} unseen, cold, warm"
        );
        Ok(())
    }
}
