//! The way from a request to a service.
//!
//! ```text
//! span, metrics ─► drain (new calls are refused) ─► caller (session, limits) ─┬─► Connect services
//!                                                            └─► /files
//! ```

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing};
use connectrpc::{ConnectError, ConnectRpcService, Limits};
use cyxwiz_proto::v1::{
    AuthServiceExt as _, JobServiceExt as _, NodeServiceExt as _, PaymentServiceExt as _,
};
use http::{HeaderMap, StatusCode};

use crate::auth::{Auth, caller};
use crate::jobs::Jobs;
use crate::market::Market;
use crate::nodes::Nodes;
use crate::payments::Payments;
use crate::traces::span;
use crate::{Ground, Refusal, files, metrics};

/// The largest call: a megabyte of log entries and what wraps it.
const MAX_CALL: usize = 4 << 20;

/// Every Connect service of the server.
fn services(ground: &Ground, market: &Market) -> connectrpc::Router {
    let calls = Arc::new(Auth::new(ground.clone())).register(connectrpc::Router::new());
    let calls = Arc::new(Jobs(market.clone())).register(calls);
    let calls = Arc::new(Nodes(market.clone())).register(calls);
    Arc::new(Payments(market.clone())).register(calls)
}

/// Everything that answers on the public port.
pub fn public(ground: &Ground, market: &Market) -> Router {
    let limits = Limits::default().with_max_message_size(MAX_CALL).with_max_request_body_size(MAX_CALL);
    let calls = ConnectRpcService::new(services(ground, market)).with_limits(limits);
    files::router(ground.clone())
        .fallback_service(calls)
        .layer(from_fn_with_state(ground.clone(), caller))
        .layer(from_fn_with_state(ground.clone(), draining))
        .layer(from_fn_with_state(ground.clone(), span))
}

/// What the operator reads.
pub fn admin(ground: &Ground) -> Router {
    Router::new()
        .route("/healthz", routing::get(|| async { "ok\n" }))
        .route("/readyz", routing::get(ready))
        .route("/metrics", routing::get(figures))
        .with_state(ground.clone())
}

/// The figures, as Prometheus reads them.
async fn figures(State(ground): State<Ground>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(http::header::CONTENT_TYPE, kind)], metrics::text(&ground).await).into_response()
}

/// Ready: not about to stop, and the database answers.
async fn ready(State(ground): State<Ground>) -> Response {
    if ground.drain.begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    match ground.db.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response(),
    }
}

/// Refuses new calls once the server stops.
async fn draining(State(ground): State<Ground>, request: Request, next: Next) -> Response {
    if ground.drain.begun() {
        return refuse(Refusal::draining(), request.headers());
    }
    next.run(request).await
}

/// Answers in the caller's protocol: Connect, gRPC, gRPC-Web, or plain JSON.
pub(crate) fn refuse(refusal: Refusal, request_headers: &HeaderMap) -> Response {
    let retry_after = refusal.retry_after;
    let error = ConnectError::from(refusal);
    let mut response = error.into_http_response(request_headers).map(Body::new).into_response();
    if let Some(wait) = retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, wait.as_secs().max(1).into());
    }
    response
}
