//! Spans of calls, sent to a collector where `OTEL_EXPORTER_OTLP_ENDPOINT` names one.
//!
//! ```text
//! traceparent ─► Call (its own span) ─► handlers ─► record() ─► queue ─► OTLP
//! ```
//! A full queue drops spans and counts them: what a collector does never slows a call down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tokio::sync::mpsc;
use vyr_telemetry::{ExportOptions, TraceParent, new_span_id, new_trace_id};

use crate::{Drain, Ground, ServerError};

/// Spans that wait for the collector.
const QUEUE: usize = 65_536;
/// Spans of one request.
const BATCH: usize = 4096;
/// The longest that a span waits for its batch.
const DELAY: Duration = Duration::from_secs(1);
/// Requests that a batch is worth.
const TRIES: u32 = 5;

/// Takes spans. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Queue>>);

#[derive(Debug)]
struct Queue {
    spans: mpsc::Sender<SpanData>,
    dropped: AtomicU64,
}

/// The place of a call in its trace: handlers hang their own spans below it.
#[derive(Clone, Copy, Debug)]
pub struct CallTrace {
    /// The trace: the caller's, or a new one.
    pub trace: [u8; 16],
    /// The call's own span.
    pub span: [u8; 8],
}

/// Something that took time.
#[derive(Clone, Debug)]
pub struct Took {
    /// Its name, of a small set.
    pub name: &'static str,
    /// The trace.
    pub trace: [u8; 16],
    /// Its own span.
    pub span: [u8; 8],
    /// The span that it is part of.
    pub parent: Option<[u8; 8]>,
    /// When it began.
    pub from: SystemTime,
    /// When it was over.
    pub to: SystemTime,
    /// What is worth knowing; never tokens, keys, payloads.
    pub attributes: Vec<KeyValue>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

impl CallTrace {
    /// As W3C has it, to be handed on.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", hex::encode(self.trace), hex::encode(self.span))
    }
}

impl Traces {
    /// Starts the export where the environment wants one.
    ///
    /// # Errors
    /// An exporter that cannot be set up.
    pub fn start(drain: &Drain) -> Result<Self, ServerError> {
        if ExportOptions::from_env().is_none_or(|options| !options.traces) {
            return Ok(Self(None));
        }
        let exporter = SpanExporter::builder().with_http().build();
        let mut exporter =
            exporter.map_err(|error| ServerError::Said(format!("traces cannot be exported: {error}")))?;
        exporter.set_resource(&resource());
        let (spans, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(send(exporter, waiting, drain.clone()));
        Ok(Self(Some(Arc::new(Queue { spans, dropped: AtomicU64::new(0) }))))
    }

    /// Records something that took time.
    pub fn record(&self, took: Took) {
        let Some(queue) = &self.0 else { return };
        if queue.spans.try_send(data(took, SpanKind::Internal)).is_err() {
            queue.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans that the queue had no place for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |queue| queue.dropped.load(Ordering::Relaxed))
    }

    fn record_call(&self, took: Took) {
        let Some(queue) = &self.0 else { return };
        if queue.spans.try_send(data(took, SpanKind::Server)).is_err() {
            queue.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn resource() -> Resource {
    let own = Resource::builder_empty().with_attributes([
        KeyValue::new("service.name", "cyxwiz-server"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ]);
    let own = own.with_detector(Box::new(EnvResourceDetector::new()));
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => own.with_service_name(name).build(),
        _ => own.build(),
    }
}

fn data(took: Took, span_kind: SpanKind) -> SpanData {
    let context = SpanContext::new(
        TraceId::from_bytes(took.trace),
        SpanId::from_bytes(took.span),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    SpanData {
        span_context: context,
        parent_span_id: took.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: matches!(span_kind, SpanKind::Server),
        span_kind,
        name: took.name.into(),
        start_time: took.from,
        end_time: took.to,
        attributes: took.attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: took.failed.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("cyxwiz-server").build(),
    }
}

/// Sends batches until the server has stopped and the queue is empty.
async fn send(exporter: SpanExporter, mut waiting: mpsc::Receiver<SpanData>, drain: Drain) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        if batch.len() < BATCH && !drain.begun() {
            tokio::select! {
                () = tokio::time::sleep(DELAY) => {}
                () = drain.started() => {}
            }
            while batch.len() < BATCH && waiting.try_recv().map(|span| batch.push(span)).is_ok() {}
        }
        for attempt in 1..=TRIES {
            match exporter.export(batch.clone()).await {
                Ok(()) => break,
                Err(error) if attempt == TRIES || drain.begun() => {
                    tracing::warn!(%error, spans = batch.len(), "the collector took no spans; they are given up");
                    break;
                }
                Err(_) => tokio::time::sleep(DELAY.saturating_mul(attempt)).await,
            }
        }
        batch.clear();
    }
}

/// Gives each call a span below the caller's, a log line, and its place among the metrics.
pub(crate) async fn span(State(ground): State<Ground>, mut request: Request, next: Next) -> Response {
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    let parent: Option<TraceParent> = parent;
    let trace = parent.map_or_else(new_trace_id, |parent| parent.trace_id).0;
    let call = CallTrace { trace, span: new_span_id().0 };
    let name = crate::metrics::method(request.uri().path());
    request.extensions_mut().insert(call);
    let (from, begun) = (SystemTime::now(), std::time::Instant::now());
    let response = next.run(request).await;
    let status = response.status();
    ground.metrics.answered(name, status, begun.elapsed());
    tracing::debug!(call = name, status = status.as_u16(), trace.id = hex::encode(trace), "answered");
    ground.traces.record_call(Took {
        name,
        trace,
        span: call.span,
        parent: parent.map(|parent| parent.span_id.0),
        from,
        to: SystemTime::now(),
        attributes: vec![
            KeyValue::new("rpc.system", "connect_rpc"),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        ],
        failed: status.is_server_error().then(|| status.to_string()),
    });
    response
}
