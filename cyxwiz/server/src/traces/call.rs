use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use connectrpc::RequestContext;
use cyxwiz_model::{SpanId, TraceId};
use vyr_telemetry::{FinishedSpan, Stamp, TraceParent, new_span_id, new_trace_id};

use super::attr;
use crate::Ground;

/// The place of a call in its trace: what it begins hangs below it.
#[derive(Clone, Copy, Debug)]
pub struct CallTrace {
    /// The trace: the caller's, or a new one.
    pub trace: TraceId,
    /// The call's own span.
    pub span: SpanId,
}

impl CallTrace {
    fn below(parent: Option<TraceParent>) -> Self {
        Self { trace: parent.map_or_else(new_trace_id, |parent| parent.trace_id), span: new_span_id() }
    }

    /// That of a call.
    #[must_use]
    pub fn of(context: &RequestContext) -> Self {
        context.extensions().get::<Self>().copied().unwrap_or_else(|| Self::below(None))
    }
}

/// Gives each call a span below the caller's, a log line, and its place among the metrics.
pub(crate) async fn span(State(ground): State<Ground>, mut request: Request, next: Next) -> Response {
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    let parent: Option<TraceParent> = parent;
    let call = CallTrace::below(parent);
    let name = crate::metrics::method(request.uri().path());
    request.extensions_mut().insert(call);
    let (start, begun) = (Stamp::now(), std::time::Instant::now());
    let response = next.run(request).await;
    let status = response.status();
    ground.metrics.answered(name, status, begun.elapsed());
    tracing::debug!(call = name, status = status.as_u16(), trace.id = %call.trace, "answered");
    ground.traces.record(FinishedSpan {
        name,
        trace_id: call.trace,
        span_id: call.span,
        parent: parent.map(|parent| parent.span_id),
        answers: true,
        start,
        end: Stamp::now(),
        attributes: vec![
            (attr::RPC_SYSTEM, "connect_rpc".into()),
            (attr::HTTP_STATUS, i64::from(status.as_u16()).into()),
        ],
        events: Vec::new(),
        failed: status.is_server_error().then(|| status.to_string()),
    });
    response
}
