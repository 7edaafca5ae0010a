use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tokio::{io::AsyncRead, sync::Notify};
use vyr_model::{Determinism, DirGrant, EnvGrant, HttpOutGrant, LimitKind, Limits, TaskId, Terminal};

use crate::Used;

/// Everything one execution needs, whatever executes it.
pub struct RunRequest {
    /// The task that this is; `None` outside a node's queue. Containers and cgroups are known by it.
    pub task: Option<TaskId>,
    /// The program's own name, then its arguments.
    pub args: Vec<String>,
    /// The environment, and nothing of the host's.
    pub env: Vec<EnvGrant>,
    /// Host folders.
    pub dirs: Vec<DirGrant>,
    /// Authorities that outbound HTTP may reach (Wasm components only).
    pub http_out: Vec<HttpOutGrant>,
    /// States by binding name (Wasm components only).
    pub states: Vec<(String, vyr_state::Binding)>,
    /// What the execution may use at most.
    pub limits: Limits,
    /// Where stdin comes from.
    pub stdin: Stdin,
    /// Where stdout goes; counted against `limits.stdout_bytes` by the executor.
    pub stdout: Box<dyn OutputSink>,
    /// Where stderr goes; counted against `limits.stderr_bytes` by the executor.
    pub stderr: Box<dyn OutputSink>,
    /// The host folder that the guest sees as `/out`.
    pub out_dir: Option<PathBuf>,
    /// Ends the execution early.
    pub cancel: Cancel,
    /// Stands in for chance and time (Wasm only).
    pub determinism: Option<Determinism>,
    /// Where the execution tells what it uses while it runs (Wasm only; the container fallback tells nothing).
    pub used: Used,
}

/// Where a guest's stdin comes from.
pub enum Stdin {
    /// Ends at once.
    Empty,
    /// A buffer.
    Bytes(Bytes),
    /// A regular file, from its start.
    File(File),
    /// Anything else, the terminal of `vyr run` for one.
    Stream(Box<dyn AsyncRead + Send + Sync + Unpin>),
}

/// Takes what a guest writes. Called on the guest's thread: cheap or buffered.
pub trait OutputSink: Send {
    /// Takes all of `bytes`.
    ///
    /// # Errors
    /// The sink's own failure; the task then fails `internal`.
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError>;
}

/// A sink could not take what the guest wrote.
#[derive(Debug, thiserror::Error)]
#[error("failed to store the guest's output")]
pub struct SinkError(#[from] pub io::Error);

/// How an execution went.
#[derive(Debug)]
pub struct RunOutcome {
    /// How the task ends: succeeded, failed or cancelled.
    pub terminal: Terminal,
    /// When instantiation (or container set-up) began.
    pub prepared: SystemTime,
    /// When the guest's first instruction ran; `None` when it never did.
    pub started: Option<SystemTime>,
    /// When the guest was gone.
    pub ended: SystemTime,
    /// Processor time of the guest.
    pub cpu: Duration,
}

/// Ends an execution from outside. Clones are the same handle.
#[derive(Clone, Default)]
pub struct Cancel(Arc<CancelInner>);

#[derive(Default)]
struct CancelInner {
    requested: AtomicBool,
    limit: parking_lot::Mutex<Option<LimitKind>>,
    notify: Notify,
}

impl Cancel {
    /// Asks the execution to end as cancelled. Wasm guests also need a `wasm::Runtime::kick`.
    pub fn cancel(&self) {
        self.0.requested.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    /// Asks the execution to end because `limit` was reached outside the guest.
    pub fn limit(&self, limit: LimitKind) {
        self.0.limit.lock().get_or_insert(limit);
        self.cancel();
    }

    /// Tells whether an end was asked for. One relaxed-cost atomic read.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Acquire)
    }

    /// Returns the limit behind the request, if one was.
    pub fn limit_reached(&self) -> Option<LimitKind> {
        *self.0.limit.lock()
    }

    /// Completes when an end is asked for.
    pub async fn requested(&self) {
        let notified = self.0.notify.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.is_requested() {
            notified.await;
        }
    }
}
