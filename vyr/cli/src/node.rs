//! `vyr node`: the daemon, the one process that VYR needs.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use vyr_node::{Node, NodeOptions, TlsFiles};
use vyr_sdk::{EndpointError, MAX_SOCKET_PATH};
use vyr_store::TrustPolicy;
use vyr_telemetry::logs::{self, LogFormat};

use crate::{context::Context, error::CliError, output, resources};

#[derive(Args)]
pub(crate) struct Verb {
    /// Unix socket to listen on [default: `vyr.sock` in the home]
    #[arg(long, value_name = "PATH", env = "VYR_SOCKET")]
    socket: Option<PathBuf>,
    /// TCP address to listen on, too; callers then need the token
    #[arg(long, value_name = "ADDRESS", env = "VYR_LISTEN")]
    listen: Option<SocketAddr>,
    /// Certificate chain (PEM); needed where --listen is not loopback
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Browser origin that may call, such as `http://127.0.0.1:5173`
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Tasks that execute at once
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    max_running: u16,
    /// Tasks that may wait
    #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
    max_queued: usize,
    /// Memory of a task that names no limit
    #[arg(long, value_name = "SIZE", value_parser = resources::some_size, default_value = "256MiB")]
    default_memory: u64,
    /// Time of a task that names no limit
    #[arg(long, value_name = "TIME", value_parser = resources::time, default_value = "5m")]
    default_wall_time: Duration,
    /// What to do with artifacts that no trusted key signed
    #[arg(long, value_enum, default_value_t = Trust::Require)]
    trust: Trust,
    /// Time that one compilation may take
    #[arg(long, value_name = "TIME", value_parser = resources::time, default_value = "30s")]
    compile_deadline: Duration,
    /// Compile everything as well as can be before its first task, for programs that run once and for long
    #[arg(long)]
    no_quick_code: bool,
    /// OCI runtime for container artifacts [default: runc or crun on PATH]
    #[arg(long, value_name = "PATH")]
    oci_runtime: Option<PathBuf>,
    /// Threads that answer calls; guests have their own
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    api_threads: u8,
    /// Form of the log on stderr
    #[arg(long, value_enum, default_value_t = Log::Human)]
    log_format: Log,
    /// What to log, such as `info` or `vyr_node=debug` [default: VYR_LOG, else info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Record no spans and metrics: to measure what they cost
    #[arg(long, hide = true)]
    no_telemetry: bool,
    /// Print the effective configuration and end
    #[arg(long)]
    print_config: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Trust {
    /// Refuse them
    Require,
    /// Run them, with a warning
    Warn,
    /// Look at no signature
    Off,
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    Human,
    Json,
}

impl Verb {
    fn options(&self, context: &Context) -> Result<NodeOptions, CliError> {
        let mut options = NodeOptions::new(context.home()?.to_owned());
        if self.socket.is_some() {
            options.socket.clone_from(&self.socket);
        }
        if let Some(path) = options.socket.clone().filter(|path| path.as_os_str().len() > MAX_SOCKET_PATH) {
            return Err(EndpointError::LongSocket { path }.into());
        }
        options.listen = self.listen;
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        options.tls = tls.map(|(cert, key)| TlsFiles { cert, key });
        options.allowed_origins.clone_from(&self.allow_origin);
        options.max_running = self.max_running.into();
        options.max_queued = self.max_queued;
        options.default_limits.memory_bytes = self.default_memory;
        options.default_limits.wall_time = self.default_wall_time;
        options.default_limits.cpu_time = options.default_limits.cpu_time.max(self.default_wall_time);
        options.trust = match self.trust {
            Trust::Require => TrustPolicy::Require,
            Trust::Warn => TrustPolicy::Warn,
            Trust::Off => TrustPolicy::Off,
        };
        options.telemetry = !self.no_telemetry;
        options.compile_deadline = self.compile_deadline;
        options.quick_code = !self.no_quick_code;
        options.oci_runtime.clone_from(&self.oci_runtime);
        Ok(options)
    }
}

pub(crate) fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let options = verb.options(context)?;
    if verb.print_config {
        output::json(&options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let format = match verb.log_format {
        Log::Human => LogFormat::Human,
        Log::Json => LogFormat::Json,
    };
    logs::init(format, verb.log.as_deref()).map_err(|error| CliError::Usage(error.to_string()))?;
    open_many_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(verb.api_threads.into())
        .thread_name("vyr-api")
        .on_thread_start(vyr_runtime::schedule::prompt)
        .enable_all()
        .build()?;
    runtime.block_on(serve(options))?;
    // a guest that ignores its end must not keep the process
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

/// Takes as many file descriptors as the system gives: each connection and each task needs some.
fn open_many_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

async fn serve(options: NodeOptions) -> Result<(), CliError> {
    // before the node: a signal during the start counts
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let node = Node::start(options).await?;
    let addresses = node.addresses().clone();
    let socket = addresses.socket.map(|path| path.display().to_string()).unwrap_or_default();
    let tcp = addresses.tcp.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(socket, tcp, version = env!("CARGO_PKG_VERSION"), "the node is ready");
    node.run(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: running tasks have ten seconds");
    })
    .await;
    tracing::info!("stopped");
    Ok(())
}
