//! The content plane: bytes by digest over plain HTTP, and the two streams as SSE or NDJSON.

mod blobs;
mod follow;
mod output;
mod query;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, put},
};

use crate::{rpc::wrong_method, streams::Streams, supervisor::Supervisor};

/// What the content plane's handlers share.
#[derive(Clone)]
pub(crate) struct Content {
    supervisor: Arc<Supervisor>,
    streams: Streams,
}

/// Returns the routes of the content plane.
pub(crate) fn router(supervisor: Arc<Supervisor>, streams: Streams) -> Router {
    Router::new()
        .route("/blobs/{digest}", put(blobs::put).get(blobs::get))
        .route("/tasks/{task}/{stream}", get(output::get))
        .route("/traces", get(follow::traces))
        .route("/metrics", get(follow::metrics))
        .route("/healthz", get(async || "ok\n"))
        .method_not_allowed_fallback(wrong_method)
        .with_state(Content { supervisor, streams })
}
