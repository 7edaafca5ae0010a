use std::sync::Arc;

use http::HeaderMap;
use vyr_proto::control::CancelTaskResponse;
use vyr_telemetry::TraceParent;

use super::parse;
use crate::{Refusal, supervisor::Supervisor, tasks::proto_state};

/// Reads the caller's place in its trace; one that is malformed is as good as none (W3C).
pub(super) fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get("traceparent")?.to_str().ok()?.parse().ok()
}

pub(super) async fn cancel(
    supervisor: &Arc<Supervisor>,
    task_id: &str,
) -> Result<CancelTaskResponse, Refusal> {
    let state = supervisor.cancel(parse::task_id(task_id)?).await?;
    Ok(CancelTaskResponse { state: proto_state(&state).into(), ..Default::default() })
}
