use std::{sync::Arc, time::Duration};

use connectrpc::ConnectError;
use futures::Stream;
use vyr_proto::control::{StreamMetricsRequest, StreamMetricsResponse};
use vyr_telemetry::otlp;

use super::parse;
use crate::{Refusal, streams::StreamPlace, supervisor::Supervisor};

const LEAST_INTERVAL: Duration = Duration::from_millis(100);
const USUAL_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) fn stream(
    supervisor: Arc<Supervisor>,
    request: StreamMetricsRequest,
    place: StreamPlace,
) -> Result<impl Stream<Item = Result<StreamMetricsResponse, ConnectError>> + Send, Refusal> {
    let interval = parse::duration("interval", request.interval.as_option())?.unwrap_or(USUAL_INTERVAL);
    stream_every(supervisor, request, interval, place)
}

/// Streams the metrics at `interval`, or once.
pub(crate) fn stream_every(
    supervisor: Arc<Supervisor>,
    request: StreamMetricsRequest,
    interval: Duration,
    place: StreamPlace,
) -> Result<impl Stream<Item = Result<StreamMetricsResponse, ConnectError>> + Send, Refusal> {
    if interval < LEAST_INTERVAL {
        let message = format!("an interval of {interval:?} is too short");
        return Err(Refusal::field("interval", message, "send at least 100 ms"));
    }
    let ticks = tokio::time::interval(interval);
    let state = (supervisor, request, ticks, false, place);
    Ok(futures::stream::unfold(state, async |(supervisor, request, mut ticks, sent, place)| {
        if sent && request.once {
            return None;
        }
        tokio::select! {
            _ = ticks.tick() => {}
            () = supervisor.stopped() => return None,
        }
        let metrics_data = otlp::encode_metrics(&supervisor.metrics.collect(&request.name_prefix));
        let message = StreamMetricsResponse { metrics_data, ..Default::default() };
        Some((Ok(message), (supervisor, request, ticks, true, place)))
    }))
}
