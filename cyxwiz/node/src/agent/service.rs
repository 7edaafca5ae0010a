use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use buffa::Message as _;
use cyxwiz_model::{AttemptId, Reason};
use cyxwiz_proto::v1;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::accept::{Situation, refusal};
use super::tools::Tools;
use crate::attempt::{self, Handle, Start};
use crate::backoff::Backoff;
use crate::config::Config;
use crate::ending::Cause;
use crate::error::CliError;
use crate::job::Job;
use crate::machine::free_disk_mib;
use crate::server::Next;

/// How long attempts may take to report their end when the agent stops; the rest is reported at the next start.
const STOP_TIME: Duration = Duration::from_secs(60);
/// How long to wait where the server refuses the node itself.
pub(super) const REFUSED_WAIT: Duration = Duration::from_secs(30);
/// How often the store is tidied.
const TIDY: Duration = Duration::from_secs(3600);

/// The agent, running. Clones are the same agent.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(super) tools: Arc<Tools>,
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) config: watch::Sender<Config>,
    attempts: Mutex<HashMap<AttemptId, Arc<Handle>>>,
    tasks: TaskTracker,
    stopping: AtomicBool,
}

impl Agent {
    /// Takes up what an earlier run left, so that nothing of it is forgotten.
    pub(crate) async fn start(tools: Arc<Tools>, config: Config) -> Result<Self, CliError> {
        let left = tools.fabric.sweep().await?;
        if left > 0 {
            tracing::info!(tasks = left, "ended tasks that an earlier run of the agent left");
        }
        let inner = Inner {
            config: watch::Sender::new(config),
            attempts: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: AtomicBool::new(false),
        };
        let agent = Self { tools, inner: Arc::new(inner) };
        agent.recover().await?;
        Ok(agent)
    }

    /// Works until `shutdown` completes; then ends what runs, reports it, and returns.
    pub(crate) async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = self.attend() => {}
            () = self.keep_enrolled() => {}
            () = self.watch_config() => {}
            () = self.tidy() => {}
            () = shutdown => {}
        }
        self.inner.stopping.store(true, Ordering::Release);
        let live = self.live();
        if !live.is_empty() {
            tracing::info!(attempts = live.len(), "stopping: ends and reports what runs");
        }
        for handle in live {
            handle.stop(Cause::Shutdown);
        }
        self.inner.tasks.close();
        if tokio::time::timeout(STOP_TIME, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!("some attempts are not reported yet: the next start does it");
        }
        self.tools.server.sign_out().await;
    }

    async fn attend(&self) {
        let mut backoff = Backoff::default();
        loop {
            let began = tokio::time::Instant::now();
            let mut welcome = false;
            let ended = self
                .attend_once(|| {
                    welcome = true;
                    tracing::info!("the server has this node");
                })
                .await;
            if welcome || began.elapsed() > REFUSED_WAIT {
                backoff.reset();
            }
            let Err(fault) = ended else { continue };
            if fault.wants_session() {
                self.tools.server.doubt_session().await;
            }
            match fault.next() {
                Next::Again(hint) => {
                    tracing::warn!(%fault, "the connection to the server broke: connects again");
                    backoff.wait(hint).await;
                }
                Next::Fenced | Next::Never => {
                    tracing::error!(%fault, "the server refuses this node");
                    tokio::time::sleep(REFUSED_WAIT).await;
                }
            }
        }
    }

    async fn tidy(&self) {
        let mut ticks = tokio::time::interval(TIDY);
        loop {
            ticks.tick().await;
            let tools = Arc::clone(&self.tools);
            let _ = tokio::task::spawn_blocking(move || tools.fabric.tidy()).await;
        }
    }

    /// The attempts that are worked on.
    pub(super) fn live(&self) -> Vec<Arc<Handle>> {
        self.inner.attempts.lock().values().cloned().collect()
    }

    pub(super) fn usage(&self) -> Vec<v1::AttemptUsage> {
        let usage = |handle: &Arc<Handle>| {
            if let Some(uuid) = &handle.job.gpu_uuid {
                let gpu = self.tools.gpus.usage(uuid);
                handle.set_usage(|usage| {
                    usage.gpu_percent = gpu.percent;
                    usage.gpu_memory_bytes = gpu.memory_bytes;
                });
            }
            v1::AttemptUsage {
                attempt_id: handle.job.attempt.to_string(),
                epoch: handle.job.epoch,
                usage: handle.usage().into(),
                ..Default::default()
            }
        };
        self.live().iter().map(usage).collect()
    }

    /// Takes an assignment, or says why not. One that is worked on already is taken again.
    pub(super) fn take(&self, wire: v1::Assignment) -> v1::Answer {
        let answer =
            v1::Answer { attempt_id: wire.attempt_id.clone(), epoch: wire.epoch, ..Default::default() };
        let decline = |reason: String, busy: bool| {
            tracing::warn!(attempt.id = answer.attempt_id, reason, busy, "refuses an assignment");
            v1::Answer { accepted: false, reason, busy, ..answer.clone() }
        };
        let refuse = |reason: String| decline(reason, false);
        let bytes = wire.encode_to_vec();
        let job = match Job::try_from(wire) {
            Ok(job) => job,
            Err(error) => return refuse(error.to_string()),
        };
        let known = self.inner.attempts.lock().get(&job.attempt).map(|handle| handle.job.epoch);
        if known == Some(job.epoch) {
            return v1::Answer { accepted: true, ..answer };
        }
        if let Some(no) = refusal(&job, &self.situation()) {
            return decline(no.reason, no.busy);
        }
        if let Err(error) = self.tools.journal.accept(job.attempt, job.epoch, &bytes) {
            return refuse(error.to_string());
        }
        self.spawn(job, Start::New);
        v1::Answer { accepted: true, ..answer }
    }

    fn situation(&self) -> Situation {
        let live = self.live();
        let offered = self.tools.machine.offered(&self.inner.config.borrow(), "", &[]);
        Situation {
            stopping: self.inner.stopping.load(Ordering::Acquire),
            containers: self.tools.containers.is_some(),
            cpu_slots: usize::try_from(self.inner.config.borrow().cpu_slots).unwrap_or(1),
            cpu_jobs: live.iter().filter(|handle| handle.job.gpu_uuid.is_none()).count(),
            gpus: self.tools.machine.gpus.iter().map(|gpu| gpu.uuid.clone()).collect(),
            gpus_in_use: live.iter().filter_map(|handle| handle.job.gpu_uuid.clone()).collect(),
            free_disk_mib: free_disk_mib(self.tools.home.path()),
            memory_mib: offered.memory_mib,
        }
    }

    pub(super) fn spawn(&self, job: Job, start: Start) {
        let id = job.attempt;
        let handle = Arc::new(Handle::new(job));
        self.inner.attempts.lock().insert(id, Arc::clone(&handle));
        let agent = self.clone();
        self.inner.tasks.spawn(async move {
            Box::pin(attempt::run(Arc::clone(&agent.tools), handle, start)).await;
            agent.inner.attempts.lock().remove(&id);
        });
    }

    pub(super) fn drop_attempts(&self, ids: &[String]) {
        for id in ids {
            self.with_attempt(id, None, Cause::Fenced);
        }
    }

    pub(super) fn stop(&self, stop: &v1::Stop) {
        let cause = match stop.reason.as_str() {
            "fenced" => Cause::Fenced,
            "timeout" => Cause::Ordered(Reason::Timeout),
            "budget" => Cause::Ordered(Reason::Budget),
            "cancelled" => Cause::Ordered(Reason::Cancelled),
            other => {
                tracing::warn!(reason = other, "a stop for a reason that is not known: taken as a cancel");
                Cause::Ordered(Reason::Cancelled)
            }
        };
        if stop.grace_seconds > 0
            && let Some(handle) = self.find(&stop.attempt_id, Some(stop.epoch))
        {
            handle.set_grace(Duration::from_secs(stop.grace_seconds.into()));
        }
        self.with_attempt(&stop.attempt_id, Some(stop.epoch), cause);
    }

    fn find(&self, id: &str, epoch: Option<u32>) -> Option<Arc<Handle>> {
        let id: AttemptId = id.parse().ok()?;
        let handle = self.inner.attempts.lock().get(&id).cloned();
        handle.filter(|handle| epoch.is_none_or(|epoch| epoch == handle.job.epoch))
    }

    fn with_attempt(&self, id: &str, epoch: Option<u32>, cause: Cause) {
        match self.find(id, epoch) {
            Some(handle) => handle.stop(cause),
            None => tracing::debug!(attempt.id = id, "a stop for an attempt that is not here"),
        }
    }
}
