use std::{future::Future, net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use connectrpc::Limits as RpcLimits;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use vyr_proto::control::ControlServiceExt as _;
use vyr_runtime::{
    Courtesy, oci,
    wasm::{Compiler, CompilerOptions, Runtime, RuntimeOptions},
};
use vyr_state::{StateKernel, StateOptions};
use vyr_store::{AotCache, AotOptions, LOCAL_KEY_NAME, Store, StoreOptions};
use vyr_telemetry::{
    Metrics, NodeResource,
    record::{Record, RecordOptions},
};

use crate::{
    COMPILE_VERB, Home, Meters, NodeError, NodeOptions,
    artifacts::Artifacts,
    content,
    executor::{Executor, OciExecutor, WasmExecutor, WasmOptions},
    export::ExportThread,
    home::HomeLock,
    listen::{Door, Guard, Token, acceptor, bind_unix, serve},
    outdir::OutDirs,
    rpc::{Control, complete},
    streams::Streams,
    supervisor::{Parts, Supervisor},
    threads::GuestThreads,
};

/// The largest call: a manifest of 1 MiB and a little more.
const MAX_CALL: usize = 4 << 20;
/// How often expired states are dropped.
const SWEEP: Duration = Duration::from_secs(1);
/// How long running tasks may go on when the node stops.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// A node that has started; it serves from [`Node::run`] on.
pub struct Node {
    supervisor: Arc<Supervisor>,
    streams: Streams,
    doors: Vec<(Door, Guard)>,
    addresses: Addresses,
    export: Option<ExportThread>,
    _lock: HomeLock,
}

/// Where a node can be reached.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// The Unix socket.
    pub socket: Option<PathBuf>,
    /// The TCP address, with the port that was given.
    pub tcp: Option<SocketAddr>,
}

impl Node {
    /// Opens everything, takes up the tasks of an earlier run, and listens.
    ///
    /// # Errors
    /// The home, the record or the store cannot be used; an address cannot be listened on.
    pub async fn start(options: NodeOptions) -> Result<Self, NodeError> {
        Self::start_with(options, Vec::new()).await
    }

    /// Does what [`Node::start`] does, with executors of the embedding program beside the node's own. The first
    /// that accepts a kind runs it; `extra` come first.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_with(options: NodeOptions, extra: Vec<Box<dyn Executor>>) -> Result<Self, NodeError> {
        let home = Home::new(&options.home);
        home.create()?;
        let lock = home.lock()?;
        let store = open_store(&home, &options)?;
        let resource = NodeResource::detect(&instance(&home)?, env!("CARGO_PKG_VERSION"));
        let metrics = Metrics::new(&resource);
        let record_options = RecordOptions { on_sync: metrics.sync_observer(), ..RecordOptions::default() };
        let (record, recovery) = Record::open(home.record(), record_options)?;
        let guests = GuestThreads::new().map_err(NodeError::Threads)?;
        let courtesy = Courtesy::default();
        let executors = extra.into_iter().chain(executors(&home, &options, &courtesy).await?).collect();
        let out_dirs =
            OutDirs::open(home.tmp()).map_err(|source| NodeError::Home { path: home.tmp(), source })?;
        let (exporter, export) =
            ExportThread::start(options.otlp_endpoint.clone(), &resource, &metrics).await?;
        let doors = doors(&home, &options).await?;
        let supervisor = Supervisor::new(Parts {
            artifacts: Artifacts::new(store),
            states: StateKernel::new(StateOptions::default()),
            record,
            metrics,
            resource,
            exporter,
            out_dirs,
            executors,
            guests,
            courtesy,
            options,
        });
        supervisor.recover(recovery).await;
        let (doors, addresses) = doors;
        let streams = Streams::default();
        Ok(Self { supervisor, streams, doors, addresses, export, _lock: lock })
    }

    /// Returns where the node listens.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns what tells an embedding program the use of running tasks.
    pub fn meters(&self) -> Meters {
        Meters::of_node(&self.supervisor)
    }

    /// Serves until `shutdown` completes; then refuses new tasks, lets running ones end for ten
    /// seconds, and closes. Queued tasks stay in the record and run after the next start.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut serving = JoinSet::new();
        let router = self.router();
        for (door, guard) in std::mem::take(&mut self.doors) {
            serving.spawn(serve(door, guard, router.clone(), stopped.clone()));
        }
        serving.spawn(sweep(Arc::clone(&self.supervisor), stopped.clone()));
        if let Some(export) = self.export.take() {
            let mut stopped = stopped;
            serving.spawn(export.run(async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            }));
        }
        shutdown.await;

        if tokio::time::timeout(DRAIN_TIME, self.supervisor.drain()).await.is_err() {
            tracing::warn!(
                "tasks still ran when the node stopped; at its next start they are lost, or run again where they are idempotent"
            );
        }
        self.supervisor.hub.close();
        let _ = stop.send(true);
        while serving.join_next().await.is_some() {}
        self.supervisor.close().await;
        if let Some(socket) = &self.addresses.socket {
            let _ = std::fs::remove_file(socket);
        }
    }

    fn router(&self) -> Router {
        let control = Arc::new(Control::new(Arc::clone(&self.supervisor), self.streams.clone()));
        let calls = control.register(connectrpc::Router::new());
        let limits =
            RpcLimits::default().with_max_message_size(MAX_CALL).with_max_request_body_size(MAX_CALL);
        let calls = connectrpc::ConnectRpcService::new(calls).with_limits(limits);
        let calls = Router::new().fallback_service(calls).layer(axum::middleware::from_fn(complete));
        content::router(Arc::clone(&self.supervisor), self.streams.clone()).fallback_service(calls)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // guests that run hold the supervisor, which holds their threads
        self.supervisor.guests.shutdown();
    }
}

pub(crate) fn open_store(home: &Home, options: &NodeOptions) -> Result<Store, NodeError> {
    let mut store_options = StoreOptions::new(home.trust());
    store_options.policy = options.trust;
    let store = Store::open(home.store(), store_options)?;
    let key = store.trust().local_key(&home.keys().join(format!("{LOCAL_KEY_NAME}.pem")))?;
    if key.created {
        tracing::info!(path = %home.keys().display(), "made a local signing key, trusted by this node alone");
    }
    Ok(store)
}

/// Reads the node's id, or makes one: it names the node in telemetry.
fn instance(home: &Home) -> Result<String, NodeError> {
    let path = home.path().join("id");
    let failed = |source| NodeError::Home { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        _ => {
            let id = vyr_telemetry::new_trace_id().to_string();
            std::fs::write(&path, &id).map_err(failed)?;
            Ok(id)
        }
    }
}

pub(crate) fn wasm_executor(
    home: &Home,
    options: &NodeOptions,
    runtime: Runtime,
    wasm: WasmOptions,
) -> Result<WasmExecutor, NodeError> {
    let program = std::env::current_exe().map_err(NodeError::Program)?;
    let mut compiler = CompilerOptions::new(program, [COMPILE_VERB]);
    compiler.deadline = options.compile_deadline;
    compiler.courtesy = runtime.courtesy().clone();
    let aot = AotCache::open(home.aot(), AotOptions::default())?;
    Ok(WasmExecutor::new(runtime, Compiler::new(compiler), aot, wasm))
}

async fn executors(
    home: &Home,
    options: &NodeOptions,
    courtesy: &Courtesy,
) -> Result<Vec<Box<dyn Executor>>, NodeError> {
    let max_running = u32::try_from(options.max_running).unwrap_or(u32::MAX);
    let wasm = Runtime::new(RuntimeOptions {
        max_running,
        courtesy: courtesy.clone(),
        ..RuntimeOptions::default()
    })?;
    let max_programs = NonZeroUsize::new(options.max_programs).unwrap_or(NonZeroUsize::MIN);
    let wasm_options = WasmOptions { max_programs, quick_code: options.quick_code };
    let wasm = wasm_executor(home, options, wasm, wasm_options)?;
    let mut executors: Vec<Box<dyn Executor>> = vec![Box::new(wasm)];
    let oci = oci::OciOptions { runtime: options.oci_runtime.clone(), ..oci::OciOptions::new(home.oci()) };
    if let Some(oci) = oci::Runtime::detect(oci)? {
        oci.sweep().await?;
        executors.push(Box::new(OciExecutor::new(oci)));
    }
    Ok(executors)
}

async fn doors(home: &Home, options: &NodeOptions) -> Result<(Vec<(Door, Guard)>, Addresses), NodeError> {
    let origins: Arc<[String]> = options.allowed_origins.clone().into();
    let mut doors = Vec::new();
    let mut addresses = Addresses::default();
    if let Some(path) = &options.socket {
        let listener = bind_unix(path).await?;
        doors.push((Door::Unix(listener), Guard { token: None, origins: Arc::clone(&origins) }));
        addresses.socket = Some(path.clone());
    }
    if let Some(address) = options.listen {
        if !address.ip().is_loopback() && options.tls.is_none() {
            return Err(NodeError::PlainTcp { address });
        }
        let tls = options.tls.as_ref().map(acceptor).transpose()?;
        let failed = |source| NodeError::Listen { address: address.to_string(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        addresses.tcp = Some(listener.local_addr().map_err(failed)?);
        let token = Some(Token::load_or_create(&home.token())?);
        doors.push((Door::Tcp { listener, tls }, Guard { token, origins }));
    }
    Ok((doors, addresses))
}

async fn sweep(supervisor: Arc<Supervisor>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let expired = supervisor.states.sweep(tokio::time::Instant::now());
                if expired > 0 {
                    tracing::debug!(expired, "dropped expired states");
                }
            }
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}
