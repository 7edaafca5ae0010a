//! `GET /traces` and `GET /metrics`: the two streams for browsers and curl.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use connectrpc::ConnectError;
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, header};
use opentelemetry_proto::tonic::{metrics::v1::MetricsData, trace::v1::TracesData};
use serde::Deserialize;
use vyr_proto::control::{StreamMetricsRequest, StreamMetricsResponse, StreamTracesResponse};

use super::{Content, query::TracesQuery};
use crate::{
    Refusal,
    listen::refuse,
    rpc::{metrics, traces},
};

/// A quiet SSE stream says something this often, so that proxies keep it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The query of `/metrics`.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MetricsQuery {
    interval_ms: Option<u64>,
    once: bool,
    prefix: String,
}

pub(super) async fn traces(
    State(content): State<Content>,
    headers: HeaderMap,
    query: Result<Query<TracesQuery>, QueryRejection>,
) -> Response {
    let opened = async {
        let request = query.map_err(|error| bad_query(&error))?.0.request()?;
        let place = content.streams.open()?;
        traces::stream(Arc::clone(&content.supervisor), request, place).await
    };
    match opened.await {
        Ok(stream) => respond(stream, &headers, |message| trace_json(&message)),
        Err(refusal) => refuse(refusal, &headers),
    }
}

pub(super) async fn metrics(
    State(content): State<Content>,
    headers: HeaderMap,
    query: Result<Query<MetricsQuery>, QueryRejection>,
) -> Response {
    let opened = query.map_err(|error| bad_query(&error)).and_then(|Query(query)| {
        let interval = Duration::from_millis(query.interval_ms.unwrap_or(1000));
        let place = content.streams.open()?;
        let supervisor = Arc::clone(&content.supervisor);
        let request =
            StreamMetricsRequest { once: query.once, name_prefix: query.prefix, ..Default::default() };
        metrics::stream_every(supervisor, request, interval, place)
    });
    match opened {
        Ok(stream) => respond(stream, &headers, |message| metric_json(&message)),
        Err(refusal) => refuse(refusal, &headers),
    }
}

fn bad_query(error: &QueryRejection) -> Refusal {
    Refusal::field("query", error.body_text(), "see docs/api for the parameters")
}

/// Sends one JSON value a message: as SSE where the caller asks for it, else as NDJSON.
fn respond<T: Send + 'static>(
    stream: impl Stream<Item = Result<T, ConnectError>> + Send + 'static,
    headers: &HeaderMap,
    json: impl Fn(T) -> serde_json::Value + Send + 'static,
) -> Response {
    let wants_sse = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/event-stream"));
    let values = stream.map(move |item| match item {
        Ok(message) => json(message),
        Err(error) => serde_json::json!({ "error": error }),
    });
    let lines =
        values.map(move |value| if wants_sse { format!("data: {value}\n\n") } else { format!("{value}\n") });
    let (kind, body) = if wants_sse {
        let quiet = tokio_stream::StreamExt::timeout_repeating(lines, tokio::time::interval(KEEP_ALIVE));
        let lines = quiet.map(|line| line.unwrap_or_else(|_| ": still here\n\n".to_owned()));
        ("text/event-stream", Body::from_stream(lines.map(|line| Ok::<_, Infallible>(Bytes::from(line)))))
    } else {
        let bytes = lines.map(|line| Ok::<_, Infallible>(Bytes::from(line)));
        ("application/x-ndjson", Body::from_stream(bytes))
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn trace_json(message: &StreamTracesResponse) -> serde_json::Value {
    let mut value = serde_json::Map::new();
    value.insert("tasks".to_owned(), serde_json::json!(message.tasks));
    if !message.traces_data.is_empty() {
        value.insert("tracesData".to_owned(), otlp_json::<TracesData>(&message.traces_data));
    }
    if message.dropped > 0 {
        value.insert("dropped".to_owned(), message.dropped.into());
    }
    if message.history_complete {
        value.insert("historyComplete".to_owned(), true.into());
    }
    value.into()
}

fn metric_json(message: &StreamMetricsResponse) -> serde_json::Value {
    otlp_json::<MetricsData>(&message.metrics_data)
}

/// Turns our own encoding of an OTLP message into OTLP/JSON.
fn otlp_json<T: prost::Message + Default + serde::Serialize>(bytes: &[u8]) -> serde_json::Value {
    T::decode(bytes).map_or(serde_json::Value::Null, |message| serde_json::json!(message))
}
