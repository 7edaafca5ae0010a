//! The way from a request to a service.

use axum::Router;
use connectrpc::{ConnectRpcService, Limits};

use crate::Ground;

/// The largest call: a megabyte of log entries and what wraps it.
const MAX_CALL: usize = 4 << 20;

/// Every Connect service of the server.
fn services(ground: &Ground) -> connectrpc::Router {
    let calls = connectrpc::Router::new();
    let _ = ground;
    calls
}

/// Everything that answers on the public port.
pub fn public(ground: &Ground) -> Router {
    let limits = Limits::default().with_max_message_size(MAX_CALL).with_max_request_body_size(MAX_CALL);
    let calls = ConnectRpcService::new(services(ground)).with_limits(limits);
    Router::new().fallback_service(calls)
}
