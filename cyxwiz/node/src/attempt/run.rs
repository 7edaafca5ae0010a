use std::sync::Arc;

use buffa::Message as _;
use cyxwiz_proto::v1;
use parking_lot::Mutex;
use vyr_sdk::control::TaskStatus;
use vyr_telemetry::Stamp;

use super::execute::Ran;
use super::handle::Handle;
use super::prepare::Program;
use super::reporter::Reporter;
use super::spool::Spool;
use crate::agent::Tools;
use crate::ending::{self, Cause, Ended};
use crate::files::Tus;
use crate::home::AttemptDir;
use crate::trace::{AttemptTrace, PREPARE, RUN};

/// Where an attempt begins, or goes on after a restart of the agent.
#[derive(Debug)]
pub(crate) enum Start {
    /// From its beginning: nothing ran.
    New,
    /// Its task had been submitted, or was about to be.
    Ran {
        /// The task, where its id is known.
        task: String,
    },
    /// The script was gone; outputs were on their way.
    Publishing(Box<v1::Ending>),
}

/// An attempt while it is worked on.
pub(super) struct Run {
    pub(super) tools: Arc<Tools>,
    pub(super) handle: Arc<Handle>,
    pub(super) dir: AttemptDir,
    pub(super) spool: Spool,
    pub(super) reporter: Reporter,
    /// Its place in the job's trace.
    pub(super) trace: AttemptTrace,
    /// The task that runs now.
    pub(super) task: Mutex<Option<String>>,
}

/// Works on an attempt until the server has everything of it, or until it is no longer this node's.
pub(crate) async fn run(tools: Arc<Tools>, handle: Arc<Handle>, start: Start) {
    let job = &handle.job;
    let _held = tools.fabric.hold().await;
    let run = Run {
        dir: tools.home.attempt(job.attempt),
        spool: Spool::new(Arc::clone(&handle), Arc::clone(&tools.journal)),
        reporter: Reporter::new(Arc::clone(&handle), Arc::clone(&tools.journal)),
        trace: AttemptTrace::new(tools.spans.clone(), job),
        task: Mutex::default(),
        tools: Arc::clone(&tools),
        handle: Arc::clone(&handle),
    };
    tracing::info!(attempt.id = %job.attempt, job.id = %job.job, name = job.spec.name, "works on an attempt");
    let fenced = tokio::select! {
        () = run.steps(start) => false,
        () = run.spool.run(&tools.server) => true,
        () = run.reporter.run(&tools.server) => true,
        () = handle.fenced() => true,
    };
    if fenced {
        tracing::warn!(attempt.id = %job.attempt, "the attempt is no longer this node's: dropped");
        run.end_task().await;
    }
    run.remove_folders().await;
    if let Err(error) = tools.journal.forget(job.attempt) {
        tracing::error!(attempt.id = %job.attempt, %error, "an attempt was not forgotten");
    }
    tracing::info!(attempt.id = %job.attempt, "is done with an attempt");
}

impl Run {
    async fn steps(&self, start: Start) {
        let (ended, fresh) = match start {
            Start::New => match self.prepared().await {
                Ok(program) => {
                    let Ran { ended, started } = self.execute(program).await;
                    (ended, started)
                }
                Err(ended) => (ended, false),
            },
            Start::Ran { task } => (self.after_restart(&task).await, true),
            Start::Publishing(ending) => {
                self.find_folders().await;
                self.spool.system("the agent was restarted; outputs are uploaded now");
                (Ended::of_wire(*ending), false)
            }
        };
        if fresh {
            self.exited(&ended);
        }
        self.publish(ended).await;
    }

    async fn prepared(&self) -> Result<Program, Ended> {
        let phase = self.trace.begin(PREPARE);
        phase.of(self.prepare().await)
    }

    /// Tells how the script ended, and from now on only that.
    fn exited(&self, ended: &Ended) {
        let ending = ended.to_wire();
        if let Err(error) = self.tools.journal.ended(self.handle.job.attempt, &ending.encode_to_vec()) {
            tracing::error!(%error, "an ending was not kept");
        }
        tracing::info!(attempt.id = %self.handle.job.attempt, reason = %ended.reason, "the script is gone");
        self.reporter.report(v1::Exited {
            ending: ending.into(),
            at: Some(crate::clock::timestamp()).into(),
            usage: self.handle.usage().into(),
            ..Default::default()
        });
    }

    /// What became of a task while the agent was away. It never goes on: a script must not run on unseen.
    async fn after_restart(&self, task: &str) -> Ended {
        self.find_folders().await;
        self.spool.system("the agent was restarted while the job ran");
        if task.is_empty() {
            return Ended::node("the agent was restarted when the job was about to start");
        }
        let (ended, began) = match self.tools.fabric.wait(task).await {
            Ok(status) => {
                self.count(&status);
                (ending::of_task(&status, None, self.handle.allowed()), begin_of(&status))
            }
            Err(error) => {
                let message = format!("the agent was restarted, and the task is not known: {error}");
                (Ended::node(message), None)
            }
        };
        // whoever began it did not come to tell of it
        self.trace.begin_at(RUN, began.unwrap_or_else(Stamp::now)).ended(&ended);
        ended
    }

    /// After a restart of the machine what a script wrote is in its image alone.
    async fn find_folders(&self) {
        if let Err(ended) = self.make_folders().await {
            tracing::error!(attempt.id = %self.handle.job.attempt, error = ended.message, "its folders are not all there");
        }
    }

    pub(super) fn count(&self, status: &TaskStatus) {
        if let Some(cpu) = status.cpu_time.as_option() {
            let ms = u64::try_from(cpu.seconds).unwrap_or(0) * 1000
                + u64::try_from(cpu.nanos).unwrap_or(0) / 1_000_000;
            self.handle.set_usage(|usage| usage.cpu_ms = usage.cpu_ms.max(ms));
        }
    }

    /// Ends what runs, without any grace, and waits for it to be gone.
    pub(super) async fn end_task(&self) {
        let Some(task) = self.task.lock().clone() else { return };
        let ended = async {
            self.tools.fabric.cancel(&task).await?;
            if let Some(containers) = &self.tools.containers {
                containers.kill(&task).await;
            }
            self.tools.fabric.wait(&task).await
        };
        if let Err(error) = ended.await {
            tracing::error!(task.id = task, %error, "a task was not ended");
        }
    }

    /// For uploads that are part of a phase.
    pub(super) fn tus(&self, phase: &str) -> Tus {
        Tus {
            server: self.tools.server.clone(),
            journal: Arc::clone(&self.tools.journal),
            job: self.handle.job.job,
            token: self.handle.job.upload_token.clone(),
            traceparent: self.trace.traceparent(phase),
        }
    }

    /// Does `work` unless the attempt is asked to end before.
    pub(super) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, Ended>>,
    ) -> Result<T, Ended> {
        tokio::select! {
            biased;
            cause = self.handle.stopped() => Err(self.by(cause)),
            done = work => done,
        }
    }

    pub(super) fn by(&self, cause: Cause) -> Ended {
        Ended::by(cause, self.handle.allowed())
    }
}

/// When a task was accepted, by VYR's clock.
fn begin_of(status: &TaskStatus) -> Option<Stamp> {
    let submitted = status.accept_time.as_option()?;
    let (seconds, nanos) = (u64::try_from(submitted.seconds).ok()?, u64::try_from(submitted.nanos).ok()?);
    Some(Stamp::from_unix_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos)))
}
