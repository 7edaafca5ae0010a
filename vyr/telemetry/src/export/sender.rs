//! The two exporters, built from options and environment.

use opentelemetry_otlp::{
    MetricExporter, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::{error::OTelSdkResult, metrics::Temporality, trace::SpanExporter as _};
use vyr_proto::record::Ended;

use super::{ExportError, ExportOptions, ExportProtocol, tls};
use crate::{NodeResource, otlp};

/// Sends traces. Retrying is the service's: only it knows what waits behind a batch.
#[derive(Debug)]
pub(super) struct TraceSender(SpanExporter);

impl TraceSender {
    pub(super) fn new(options: &ExportOptions, resource: &NodeResource) -> Result<Self, ExportError> {
        let once = RetryPolicy::disabled();
        let built = match options.protocol_for("TRACES")? {
            ExportProtocol::Http => {
                let http = with_http(SpanExporter::builder().with_http(), options, "TRACES")?;
                configure(http, options, "/v1/traces").with_retry_policy(once).build()
            }
            ExportProtocol::Grpc => {
                let grpc = with_grpc(SpanExporter::builder().with_tonic(), options, "TRACES")?;
                configure(grpc, options, "").with_retry_policy(once).build()
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
    let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative);
    let once = RetryPolicy::disabled();
    let built = match options.protocol_for("METRICS")? {
        ExportProtocol::Http => {
            let http = with_http(builder.with_http(), options, "METRICS")?;
            configure(http, options, "/v1/metrics").with_retry_policy(once).build()
        }
        ExportProtocol::Grpc => {
            let grpc = with_grpc(builder.with_tonic(), options, "METRICS")?;
            configure(grpc, options, "").with_retry_policy(once).build()
        }
    };
    built.map_err(|source| ExportError::Build { signal: "metric", source })
}

fn with_http<B: WithHttpConfig>(builder: B, options: &ExportOptions, signal: &str) -> Result<B, ExportError> {
    Ok(if options.wants_tls(signal) {
        builder.with_shared_http_client(tls::http(options, signal)?)
    } else {
        builder
    })
}

fn with_grpc<B: WithTonicConfig>(
    builder: B,
    options: &ExportOptions,
    signal: &str,
) -> Result<B, ExportError> {
    Ok(if options.wants_tls(signal) { builder.with_tls_config(tls::grpc(signal)?) } else { builder })
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
