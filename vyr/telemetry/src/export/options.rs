use std::{env, io, path::PathBuf, time::Duration};

/// How to export. What is not set comes from the standard `OTEL_EXPORTER_OTLP_*` variables:
/// endpoint, headers, time-out and certificate of each signal.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// How to talk to the collector; `None` is `OTEL_EXPORTER_OTLP_PROTOCOL`, else HTTP.
    pub protocol: Option<ExportProtocol>,
    /// The collector, `http://HOST:PORT` or `https://HOST:PORT` without a path; `None` is the environment's.
    pub endpoint: Option<String>,
    /// Spans that wait for the collector; further ones are dropped and counted. Default 65,536.
    pub queue_spans: usize,
    /// Spans sent at once (a trace is not split). Default 4,096.
    pub batch_spans: usize,
    /// The longest that a span waits for its batch to fill. Default 1 s.
    pub batch_delay: Duration,
    /// The longest that one request may take; `None` is the environment's, else 10 s.
    pub timeout: Option<Duration>,
    /// The wait after the first failed request; doubles with each, with jitter. Default 500 ms.
    pub backoff: Duration,
    /// The longest wait between requests. Default 30 s.
    pub backoff_max: Duration,
    /// Requests after which a batch is given up and counted as dropped, so that one which the
    /// collector will never take does not block the rest. Default 16 (about six minutes).
    pub attempts: u32,
    /// Time between two exports of metrics; `None` is `OTEL_METRIC_EXPORT_INTERVAL`, else 60 s.
    pub metrics_interval: Option<Duration>,
    /// The longest that a shutdown waits for what is queued. Default 5 s.
    pub shutdown: Duration,
    /// Send traces. Default true; `OTEL_TRACES_EXPORTER=none` turns it off.
    pub traces: bool,
    /// Send metrics. Default true; `OTEL_METRICS_EXPORTER=none` turns it off.
    pub metrics: bool,
}

/// How to talk to the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportProtocol {
    /// Protobuf over HTTP, port 4318 by convention.
    Http,
    /// gRPC, port 4317 by convention.
    Grpc,
}

/// The export cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The protocol is not one of those that there are.
    #[error("`{0}` is not an export protocol of this node: use `http/protobuf` or `grpc`")]
    Protocol(String),
    /// The certificate that the collector's must chain to is no good.
    #[error("`{}` of OTEL_EXPORTER_OTLP_CERTIFICATE is no certificate in PEM: name one, or unset it for the public ones", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS to the collector cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The address of the collector is none.
    #[error(
        "`{endpoint}` is no address of a collector: name one as `http://HOST:PORT` in OTEL_EXPORTER_OTLP_ENDPOINT"
    )]
    Endpoint {
        /// What was named.
        endpoint: String,
        /// Why.
        #[source]
        source: http::uri::InvalidUri,
    },
    /// The way to the collector cannot be set up.
    #[error("the connection to the collector cannot be set up")]
    Channel(#[source] tonic::transport::Error),
    /// The exporter refused its configuration.
    #[error("the {signal} exporter cannot be set up: check OTEL_EXPORTER_OTLP_ENDPOINT and the options")]
    Build {
        /// Which signal.
        signal: &'static str,
        /// Why.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            protocol: None,
            endpoint: None,
            queue_spans: 65_536,
            batch_spans: 4_096,
            batch_delay: Duration::from_secs(1),
            timeout: None,
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            attempts: 16,
            metrics_interval: None,
            shutdown: Duration::from_secs(5),
            traces: true,
            metrics: true,
        }
    }
}

impl ExportOptions {
    /// Returns the options where the environment names a collector, else `None`.
    pub fn from_env() -> Option<Self> {
        Self::to(None)
    }

    /// Returns the options for the collector at `endpoint`, else for the one that the environment names, if it does. What
    /// the environment turns off stays off.
    pub fn to(endpoint: Option<String>) -> Option<Self> {
        let is =
            |name: &str, value: &str| env::var(name).is_ok_and(|found| found.eq_ignore_ascii_case(value));
        let options = Self {
            traces: !is("OTEL_TRACES_EXPORTER", "none"),
            metrics: !is("OTEL_METRICS_EXPORTER", "none"),
            endpoint,
            ..Self::default()
        };
        let wanted = !is("OTEL_SDK_DISABLED", "true") && (options.traces || options.metrics);
        let named =
            || options.endpoint.clone().or_else(|| endpoint_of("TRACES")).or_else(|| endpoint_of("METRICS"));
        (wanted && named().is_some()).then_some(options)
    }

    /// Returns the protocol for a signal (`TRACES`, `METRICS`).
    pub(super) fn protocol_for(&self, signal: &str) -> Result<ExportProtocol, ExportError> {
        if let Some(protocol) = self.protocol {
            return Ok(protocol);
        }
        match variable(signal, "PROTOCOL").as_deref() {
            None | Some("http/protobuf") => Ok(ExportProtocol::Http),
            Some("grpc") => Ok(ExportProtocol::Grpc),
            Some(other) => Err(ExportError::Protocol(other.to_owned())),
        }
    }

    /// Tells whether the collector of a signal wants TLS.
    pub(super) fn wants_tls(&self, signal: &str) -> bool {
        let endpoint = self.endpoint.clone().or_else(|| endpoint_of(signal));
        endpoint.is_some_and(|endpoint| endpoint.trim_start().to_ascii_lowercase().starts_with("https:"))
    }

    /// Returns the file of the certificates that a collector's must chain to, where one is named.
    pub(super) fn certificate_for(signal: &str) -> Option<PathBuf> {
        variable(signal, "CERTIFICATE").map(PathBuf::from)
    }

    /// Returns the time that one request for a signal may take.
    pub(super) fn timeout_for(&self, signal: &str) -> Duration {
        let from_env = || variable(signal, "TIMEOUT")?.parse().ok().map(Duration::from_millis);
        self.timeout.or_else(from_env).unwrap_or(Duration::from_secs(10))
    }

    pub(super) fn metrics_interval(&self) -> Duration {
        let from_env = || {
            let millis = env::var("OTEL_METRIC_EXPORT_INTERVAL").ok()?.parse().ok()?;
            Some(Duration::from_millis(millis))
        };
        self.metrics_interval
            .or_else(from_env)
            .unwrap_or(Duration::from_secs(60))
            .max(Duration::from_millis(1))
    }
}

pub(super) fn endpoint_of(signal: &str) -> Option<String> {
    variable(signal, "ENDPOINT")
}

/// Reads `OTEL_EXPORTER_OTLP_<SIGNAL>_<NAME>`, else `OTEL_EXPORTER_OTLP_<NAME>`.
pub(super) fn variable(signal: &str, name: &str) -> Option<String> {
    let read = |name: String| env::var(name).ok().filter(|value| !value.is_empty());
    read(format!("OTEL_EXPORTER_OTLP_{signal}_{name}")).or_else(|| read(format!("OTEL_EXPORTER_OTLP_{name}")))
}
