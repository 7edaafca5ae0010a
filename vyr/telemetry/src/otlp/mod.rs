//! Finished traces as OTLP, so that any OpenTelemetry tool reads them.
//!
//! ```text
//!   Ended ──write_spans──┐
//!   FinishedSpan ────────┴► bytes of many traces' spans ──Envelope::seal──► TracesData, a request's body
//! ```
//! The bytes are written at once: with the SDK's spans and the generated messages between, telling of a task
//! cost more than much of running it.

mod envelope;
mod span;
mod wire;

use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use prost::Message as _;
use vyr_proto::record::Ended;

pub(crate) use self::{
    envelope::{Envelope, SCOPE},
    span::{write_finished, write_spans},
};
use crate::NodeResource;

/// Encodes finished traces as `TracesData`, for the Control API's `traces_data` field; empty where there are none.
pub fn encode_traces<'a>(ended: impl IntoIterator<Item = &'a Ended>, resource: &NodeResource) -> Vec<u8> {
    let mut spans = Vec::new();
    for ended in ended {
        write_spans(ended, &mut spans);
    }
    if spans.is_empty() { spans } else { Envelope::new(resource, SCOPE).seal(&spans) }
}

/// Encodes a message for the Control API's `metrics_data` field.
pub fn encode_metrics(data: &MetricsData) -> Vec<u8> {
    data.encode_to_vec()
}

/// Writes a message as one line of OTLP/JSON, without its line end.
///
/// # Errors
/// None that a message of this crate's making meets.
pub fn json_line(data: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(data)
}
