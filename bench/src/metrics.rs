//! What the node itself counts: whether a class was what it was meant to be.

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, MetricsData, NumberDataPoint, metric::Data, number_data_point},
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
        let mut starts = Self::default();
        for metric in read(client, "faas.init_duration").await? {
            let Some(Data::Histogram(histogram)) = &metric.data else { continue };
            for point in &histogram.data_points {
                match attribute(&point.attributes) {
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

/// What of the tasks the traces tell.
#[derive(Serialize, Clone, Copy, Default)]
pub(crate) struct Coverage {
    /// The share of critical edges that have a span.
    pub(crate) edges: f64,
    /// The share of wall time that spans explain.
    pub(crate) wall: f64,
}

impl Coverage {
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let mut coverage = Self::default();
        for metric in read(client, "vyr.trace.coverage").await? {
            let Some(Data::Gauge(gauge)) = &metric.data else { continue };
            for point in &gauge.data_points {
                let Some(number_data_point::Value::AsDouble(value)) = point.value else { continue };
                match attribute(&point.attributes) {
                    Some("edges") => coverage.edges = value,
                    Some("wall_time") => coverage.wall = value,
                    _ => {}
                }
            }
        }
        Ok(coverage)
    }
}

/// What the node says of its export.
#[derive(Serialize, Clone, Copy, Default)]
pub(crate) struct Exported {
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
    pub(crate) queued: u64,
}

impl Exported {
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let mut exported = Self::default();
        for metric in read(client, "vyr.export.spans.").await? {
            let figure = match metric.name.as_str() {
                "vyr.export.spans.sent" => &mut exported.sent,
                "vyr.export.spans.dropped" => &mut exported.dropped,
                "vyr.export.spans.queued" => &mut exported.queued,
                _ => continue,
            };
            let points = match metric.data {
                Some(Data::Sum(sum)) => sum.data_points,
                Some(Data::Gauge(gauge)) => gauge.data_points,
                _ => continue,
            };
            *figure = points.iter().map(number).sum();
        }
        Ok(exported)
    }
}

fn number(point: &NumberDataPoint) -> u64 {
    match point.value {
        Some(number_data_point::Value::AsInt(value)) => value.cast_unsigned(),
        Some(number_data_point::Value::AsDouble(value)) => value as u64,
        None => 0,
    }
}

async fn read(client: &Client, name_prefix: &str) -> Result<Vec<Metric>> {
    let request =
        StreamMetricsRequest { once: true, name_prefix: name_prefix.to_owned(), ..Default::default() };
    let mut stream = client.stream_metrics(request).await?;
    let message = stream.next().await?.context("the node sent no metrics")?;
    let metrics = MetricsData::decode(message.metrics_data.as_ref())?;
    let scopes = metrics.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
    Ok(scopes.flat_map(|scope| scope.metrics).collect())
}

/// Returns the first text among the attributes: the metrics read here have one.
fn attribute(attributes: &[KeyValue]) -> Option<&str> {
    attributes.iter().find_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.as_str()),
        _ => None,
    })
}
