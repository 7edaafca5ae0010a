//! The two exporters, built from options and environment.

use bytes::Bytes;
use http::StatusCode;
use opentelemetry_http::HttpError;
use opentelemetry_otlp::{MetricExporter, RetryPolicy, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::metrics::Temporality;
use prost::Message as _;

use super::{
    ExportError, ExportOptions, ExportProtocol, grpc::GrpcSender, handle::Batch, http::HttpSender,
    target::Target, tls,
};
use crate::{NodeResource, otlp::Envelope};

/// Sends traces. Retrying is the service's: only it knows what waits behind a batch.
#[derive(Debug)]
pub(super) struct TraceSender {
    envelope: Envelope,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Http(HttpSender),
    Grpc(GrpcSender),
}

/// A collector did not take traces.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("the collector cannot be reached")]
    Http(#[source] HttpError),
    #[error("the collector answers `{0}`")]
    Refused(StatusCode),
    #[error("the collector cannot be reached")]
    Channel(#[source] tonic::transport::Error),
    #[error("the collector refuses")]
    Grpc(#[source] Box<tonic::Status>),
}

impl TraceSender {
    pub(super) fn new(
        options: &ExportOptions,
        resource: &NodeResource,
        scope: &str,
    ) -> Result<Self, ExportError> {
        let protocol = options.protocol_for("TRACES")?;
        let target = Target::of_traces(options, protocol)?;
        let way = match protocol {
            ExportProtocol::Http => Way::Http(HttpSender::new(options, target)?),
            ExportProtocol::Grpc => Way::Grpc(GrpcSender::new(options, target)?),
        };
        Ok(Self { envelope: Envelope::new(resource, scope), way })
    }

    /// Makes the request that sends a batch, as often as need be.
    pub(super) fn request(&self, batch: &Batch) -> Bytes {
        self.envelope.seal(&batch.bytes).into()
    }

    pub(super) async fn send(&self, request: Bytes) -> Result<(), SendError> {
        let answer = match &self.way {
            Way::Http(sender) => {
                let answer = sender.send(request).await?;
                // what cannot be read is no complaint
                ExportTraceServiceResponse::decode(answer).unwrap_or_default()
            }
            Way::Grpc(sender) => sender.send(request).await?,
        };
        if let Some(partial) = answer.partial_success
            && (partial.rejected_spans > 0 || !partial.error_message.is_empty())
        {
            // by the specification not to be sent again
            tracing::warn!(
                spans.rejected = partial.rejected_spans,
                message = partial.error_message,
                "the collector refused spans"
            );
        }
        Ok(())
    }
}

/// Makes the sender of metrics.
pub(super) fn metric_sender(options: &ExportOptions) -> Result<MetricExporter, ExportError> {
    let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative);
    let once = RetryPolicy::disabled();
    let wants_tls = options.wants_tls("METRICS");
    let built = match options.protocol_for("METRICS")? {
        ExportProtocol::Http => {
            let mut http = builder.with_http();
            if wants_tls {
                http = http.with_shared_http_client(tls::http(options, "METRICS")?);
            }
            configure(http, options, "/v1/metrics").with_retry_policy(once).build()
        }
        ExportProtocol::Grpc => {
            let mut grpc = builder.with_tonic();
            if wants_tls {
                grpc = grpc.with_tls_config(tls::grpc("METRICS")?);
            }
            configure(grpc, options, "").with_retry_policy(once).build()
        }
    };
    built.map_err(|source| ExportError::Build { signal: "metric", source })
}

fn configure<B: WithExportConfig>(mut builder: B, options: &ExportOptions, path: &str) -> B {
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(format!("{}{path}", endpoint.trim_end_matches('/')));
    }
    if let Some(timeout) = options.timeout {
        builder = builder.with_timeout(timeout);
    }
    builder
}
