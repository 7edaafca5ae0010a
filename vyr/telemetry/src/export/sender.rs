//! The two exporters, built from options and environment.

use opentelemetry_otlp::{
    MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::{error::OTelSdkResult, metrics::Temporality, trace::SpanExporter as _};
use vyr_proto::record::Ended;

use super::{ExportError, ExportOptions, ExportProtocol};
use crate::{NodeResource, otlp};

/// Sends traces. Retrying is the service's: only it knows what waits behind a batch.
#[derive(Debug)]
pub(super) struct TraceSender(SpanExporter);

impl TraceSender {
    pub(super) fn new(options: &ExportOptions, resource: &NodeResource) -> Result<Self, ExportError> {
        options.check_endpoint("TRACES")?;
        let once = RetryPolicy::disabled();
        let built = match options.protocol_for("TRACES")? {
            ExportProtocol::Http => configure(SpanExporter::builder().with_http(), options, "/v1/traces")
                .with_retry_policy(once)
                .build(),
            ExportProtocol::Grpc => {
                configure(SpanExporter::builder().with_tonic(), options, "").with_retry_policy(once).build()
            }
        };
        let mut exporter = built.map_err(|source| ExportError::Build { signal: "trace", source })?;
        exporter.set_resource(resource.sdk());
        Ok(Self(exporter))
    }

    pub(super) async fn send(&self, traces: impl Iterator<Item = &Ended>) -> OTelSdkResult {
        self.0.export(traces.flat_map(otlp::span_data).collect()).await
    }
}

/// Makes the sender of metrics.
pub(super) fn metric_sender(options: &ExportOptions) -> Result<MetricExporter, ExportError> {
    options.check_endpoint("METRICS")?;
    let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative);
    let once = RetryPolicy::disabled();
    let built = match options.protocol_for("METRICS")? {
        ExportProtocol::Http => {
            configure(builder.with_http(), options, "/v1/metrics").with_retry_policy(once).build()
        }
        ExportProtocol::Grpc => configure(builder.with_tonic(), options, "").with_retry_policy(once).build(),
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
