//! Finished traces as OTLP, so that any OpenTelemetry tool reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buffa::Enumeration as _;
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_proto::{
    tonic::{metrics::v1::MetricsData, trace::v1::TracesData},
    transform::trace::tonic::group_spans_by_resource_and_scope,
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prost::Message as _;
use vyr_proto::{
    control::{FailureKind, LimitKind, TaskStatus},
    record::{Ended, Span},
};

use crate::{Edge, NodeResource, attr};

/// Names the code that made the spans.
const SCOPE: &str = "vyr";

/// Turns finished traces into one OTLP message.
pub fn traces_data<'a>(ended: impl IntoIterator<Item = &'a Ended>, resource: &NodeResource) -> TracesData {
    let spans: Vec<_> = ended.into_iter().flat_map(span_data).collect();
    let resource_spans = match spans.is_empty() {
        true => Vec::new(),
        false => group_spans_by_resource_and_scope(spans, &resource.sdk().into()),
    };
    TracesData { resource_spans }
}

/// Encodes a message for the Control API's `traces_data` field.
pub fn encode_traces(data: &TracesData) -> Vec<u8> {
    data.encode_to_vec()
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

/// Turns one finished trace into the SDK's spans.
pub(crate) fn span_data(ended: &Ended) -> impl Iterator<Item = SpanData> + '_ {
    let trace = TraceId::from_bytes(ended.trace_id.as_slice().try_into().unwrap_or_default());
    let root = span_id(&ended.root_span_id);
    let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
    ended.spans.iter().map(move |span| {
        let edge = Edge::from_number(span.edge);
        let is_root = edge == Some(Edge::Task);
        let parent = match span_id(&span.parent_span_id) {
            SpanId::INVALID if is_root => span_id(&ended.parent_span_id),
            SpanId::INVALID => root,
            named => named,
        };
        let start = UNIX_EPOCH + Duration::from_nanos(span.start_unix_nanos);
        SpanData {
            span_context: SpanContext::new(
                trace,
                span_id(&span.span_id),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: parent,
            parent_span_is_remote: is_root && parent != SpanId::INVALID,
            span_kind: if is_root { SpanKind::Server } else { SpanKind::Internal },
            name: edge.map_or("vyr.unknown", Edge::span_name).into(),
            start_time: start,
            end_time: end_time(start, span),
            attributes: attributes(ended, span, edge),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if span.error { Status::error(message(ended, edge)) } else { Status::Unset },
            instrumentation_scope: scope.clone(),
        }
    })
}

fn end_time(start: SystemTime, span: &Span) -> SystemTime {
    start.checked_add(Duration::from_nanos(span.duration_nanos)).unwrap_or(start)
}

fn span_id(bytes: &[u8]) -> SpanId {
    bytes.try_into().map_or(SpanId::INVALID, SpanId::from_bytes)
}

/// A failed task's message belongs to the root span; other spans say it by their attributes.
fn message(ended: &Ended, edge: Option<Edge>) -> String {
    let status = ended.status.as_option().filter(|_| edge == Some(Edge::Task));
    status.map(|status| status.message.clone()).unwrap_or_default()
}

fn attributes(ended: &Ended, span: &Span, edge: Option<Edge>) -> Vec<KeyValue> {
    let pairs = span.attributes.iter().filter_map(|pair| pair.split_once('='));
    let mut attributes: Vec<_> =
        pairs.map(|(key, text)| KeyValue::new(key.to_owned(), value(key, text))).collect();
    if let (Some(status), Some(edge @ (Edge::Task | Edge::Terminal))) = (ended.status.as_option(), edge) {
        describe(status, edge, &mut attributes);
    }
    attributes
}

/// Adds what the status says, so that it is stored once.
fn describe(status: &TaskStatus, edge: Edge, attributes: &mut Vec<KeyValue>) {
    let mut add = |key: &'static str, value: Value| attributes.push(KeyValue::new(key, value));
    if edge == Edge::Task {
        add(attr::FAAS_INVOCATION_ID, status.task_id.clone().into());
        add(attr::ARTIFACT_DIGEST, status.artifact_digest.clone().into());
    }
    add(
        attr::TASK_STATE,
        short(status.state.as_known().map_or("", |state| state.proto_name()), "TASK_STATE_"),
    );
    if let Some(kind) =
        status.failure.as_known().filter(|kind| *kind != FailureKind::FAILURE_KIND_UNSPECIFIED)
    {
        add(attr::TASK_FAILURE, short(kind.proto_name(), "FAILURE_KIND_"));
        add(attr::ERROR_TYPE, short(kind.proto_name(), "FAILURE_KIND_"));
    }
    if let Some(kind) = status.limit.as_known().filter(|kind| *kind != LimitKind::LIMIT_KIND_UNSPECIFIED) {
        add(attr::TASK_LIMIT, short(kind.proto_name(), "LIMIT_KIND_"));
    }
    if edge == Edge::Terminal {
        add(attr::PROCESS_EXIT_CODE, i64::from(status.exit_code).into());
        for (key, output) in [(attr::STDOUT_DIGEST, &status.stdout), (attr::STDERR_DIGEST, &status.stderr)] {
            if let Some(output) = output.as_option() {
                add(key, output.digest.clone().into());
            }
        }
    }
}

/// `TASK_STATE_SUCCEEDED` is `succeeded`.
fn short(name: &str, prefix: &str) -> Value {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase().into()
}

fn value(key: &str, text: &str) -> Value {
    match attr::kind(key) {
        attr::Kind::Int => text.parse::<i64>().map_or_else(|_| text.to_owned().into(), Value::I64),
        attr::Kind::Bool => text.parse::<bool>().map_or_else(|_| text.to_owned().into(), Value::Bool),
        attr::Kind::Text => text.to_owned().into(),
    }
}
