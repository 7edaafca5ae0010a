use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::Serialize;
use vyr_model::Limits;

/// How a node runs. A flag goes before the environment, that before the default; `vyr node
/// --print-config` shows what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct NodeOptions {
    /// The folder in which the node keeps everything. One node a folder.
    pub home: PathBuf,
    /// The Unix socket; by default `vyr.sock` in `home`. `None` with `listen` unset runs no server.
    pub socket: Option<PathBuf>,
    /// A TCP address; a token is then required of every caller. Default: none.
    pub listen: Option<SocketAddr>,
    /// The certificate chain and key (PEM files); required when `listen` is not loopback.
    pub tls: Option<TlsFiles>,
    /// Browser origins that may call, such as `http://127.0.0.1:5173`. Default: none.
    pub allowed_origins: Vec<String>,
    /// Tasks that execute at once. Default 64.
    pub max_running: usize,
    /// Tasks that may wait, held ones included; one more is `resource_exhausted`. Default 100,000.
    pub max_queued: usize,
    /// What a task may use where neither its submit nor its artifact says so.
    pub default_limits: Limits,
    /// Whether an artifact needs a signature by a trusted key. Default: it does.
    pub trust: vyr_store::TrustPolicy,
    /// Time a compile may take. Default 30 s.
    pub compile_deadline: Duration,
    /// Whether the first tasks of an artifact run code that was compiled quickly, until better code is there.
    /// Default: they do. Not for programs that run once, for long.
    pub quick_code: bool,
    /// Programs kept in memory, ready to run. Default 64.
    pub max_programs: usize,
    /// The OCI runtime for artifacts of kind `oci`; by default `runc` or `crun` on PATH.
    pub oci_runtime: Option<PathBuf>,
    /// The collector that spans and metrics are sent to, `http://HOST:PORT`. Default: the one that
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` names, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// Whether spans and metrics are recorded; `false` is for measuring their cost.
    pub telemetry: bool,
}

/// A certificate chain and its key.
#[derive(Debug, Clone, Serialize)]
pub struct TlsFiles {
    /// The PEM file of the chain.
    pub cert: PathBuf,
    /// The PEM file of the key.
    pub key: PathBuf,
}

impl NodeOptions {
    /// Returns the defaults for a node in `home`.
    pub fn new(home: PathBuf) -> Self {
        Self {
            socket: Some(home.join("vyr.sock")),
            home,
            listen: None,
            tls: None,
            allowed_origins: Vec::new(),
            max_running: 64,
            max_queued: 100_000,
            default_limits: Limits::default(),
            trust: vyr_store::TrustPolicy::Require,
            compile_deadline: Duration::from_secs(30),
            quick_code: true,
            max_programs: 64,
            oci_runtime: None,
            otlp_endpoint: None,
            telemetry: true,
        }
    }
}
