use std::{fs::File, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use vyr_model::{Digest, Durability, EnvGrant, Failure, Outputs, TaskState, Terminal};
use vyr_runtime::{RunOutcome, RunRequest, Stdin};
use vyr_store::StoreError;
use vyr_telemetry::{
    Edge, Stamp, StartClass, TraceParent, attr,
    record::{RecordError, Synced},
};

use super::{
    RECORD_RETRY, Supervisor,
    ahead::Begun,
    finish::End,
    submit::{blob_durability, commit, started_entry},
};
use crate::{executor::Prepared, outdir, tasks::Task};

/// How long the trust that a submit found holds. A task that waited for longer is asked about anew: its key may
/// have been revoked, or have expired, since.
const TRUSTED_FOR: Duration = Duration::from_millis(10);

impl Supervisor {
    /// Runs tasks one after the other until none waits.
    pub(super) async fn runner(self: Arc<Self>, first: Arc<Task>, mut begun: Option<Begun>) {
        let mut task = first;
        loop {
            let run = AssertUnwindSafe(self.run(&task, &mut begun)).catch_unwind();
            if run.await.is_err() {
                tracing::error!(task.id = %task.id, "the node panicked while it ran a task");
                let failure = Failure::Internal("the node panicked: see its log".to_owned());
                self.finish_begun(&task, End::failed(failure), begun.take()).await;
            }
            // of the first task alone: the next one's start is still to be recorded
            begun = None;
            match self.next() {
                Some(next) => task = next,
                None => {
                    self.idle.notify_waiters();
                    return;
                }
            }
        }
    }

    async fn run(&self, task: &Arc<Task>, begun: &mut Option<Begun>) {
        let dequeued = Stamp::now();
        {
            let mut phase = task.phase.lock();
            if !self.advance(task, &mut phase, TaskState::Starting) {
                return; // cancelled while it waited
            }
            phase.attempts += 1;
            let tracer = self.tracer(task);
            tracer.passed(Edge::Queue);
            tracer.span_with(Edge::Queue, phase.queued, dequeued, |_| {});
        }
        if let Some(begun) = begun.take_if(|begun| !begun.ahead) {
            // it was accepted in the same commit, so both are refused
            if self.commit_start(task, Some(begun.synced), dequeued).await.is_err() {
                self.withdraw(task);
                return;
            }
        } else if begun.is_none() && !self.record_start(task, dequeued).await {
            return;
        }
        let begins = Stamp::now();
        let end = match self.ready(task).await {
            Ok((stdin, prepared)) => self.execute(task, stdin, prepared).await,
            Err(failure) => End::failed(failure),
        };
        self.pace.note(task.spec.artifact, end.from.since(begins));
        self.finish_begun(task, end, begun.take()).await;
    }

    /// Records the start; an acknowledged task waits for a disk that refuses it. `false` where the task
    /// is not to run: it was cancelled meanwhile, or the node stops and keeps it.
    async fn record_start(&self, task: &Arc<Task>, dequeued: Stamp) -> bool {
        while let Err(error) = self.commit_start(task, None, dequeued).await {
            if !error.is_unavailable() || self.is_draining() {
                tracing::warn!(task.id = %task.id, %error, "a task's start could not be recorded; it waits for the next start of the node");
                return false;
            }
            if task.cancel.is_requested() {
                self.finish(task, End::of(Terminal::Cancelled)).await;
                return false;
            }
            tokio::time::sleep(RECORD_RETRY).await;
        }
        true
    }

    /// Records the start and waits until that counts: what ran once must not run again.
    async fn commit_start(
        &self,
        task: &Task,
        started: Option<Synced>,
        dequeued: Stamp,
    ) -> Result<(), RecordError> {
        let synced = match started {
            Some(synced) => synced,
            None => {
                let entry = started_entry(task.id, task.phase.lock().attempts);
                self.record.append(&entry, commit(task.spec.durability)).await?
            }
        };
        if task.spec.durability == Durability::Durable {
            synced.await?;
            let tracer = self.tracer(task);
            tracer.passed(Edge::Commit);
            tracer.span(Edge::Commit, dequeued);
        }
        Ok(())
    }

    /// Verifies what the task reads and runs, and loads it.
    async fn ready(&self, task: &Arc<Task>) -> Result<(Stdin, Box<dyn Prepared>), Failure> {
        if let Some(artifact) = &task.artifact
            && Stamp::now().since(task.accepted) > TRUSTED_FOR
        {
            let tracer = self.tracer(task);
            let trusted = self.artifacts.check_trust(artifact, tracer);
            let trusted = trusted.or_else(|_| self.artifacts.verify(artifact.digest, tracer).map(drop));
            trusted.map_err(|refusal| Failure::Verify(refusal.to_string()))?;
        }
        let stdin = match task.spec.input {
            None => Stdin::Empty,
            Some(input) => Stdin::File(self.input(task, input).await?),
        };
        Ok((stdin, self.prepare(task).await?))
    }

    /// Opens a task's input; bytes that are not what the digest names are never read by a guest.
    async fn input(&self, task: &Task, digest: Digest) -> Result<File, Failure> {
        let began = Stamp::now();
        let tracer = self.tracer(task);
        tracer.passed(Edge::VerifyDigest);
        let store = self.artifacts.store().clone();
        let opened = tokio::task::spawn_blocking(move || store.open_verified(&digest)).await;
        tracer.span(Edge::VerifyDigest, began);
        match opened {
            Ok(Ok(file)) => Ok(file),
            Ok(Err(error @ (StoreError::BlobCorrupt { .. } | StoreError::BlobMissing(_)))) => {
                Err(Failure::Verify(format!("the input cannot be read: {error}; put it again")))
            }
            Ok(Err(error)) => Err(Failure::Internal(format!("failed to open the input: {error}"))),
            Err(_) => Err(Failure::Internal("the node panicked while it read the input".to_owned())),
        }
    }

    async fn prepare(&self, task: &Arc<Task>) -> Result<Box<dyn Prepared>, Failure> {
        let artifact = task
            .artifact
            .as_ref()
            .ok_or_else(|| Failure::Verify("the artifact is not in the store any more".to_owned()))?;
        let kind = artifact.manifest.kind;
        let executor = self.executors.iter().find(|executor| executor.accepts(kind)).ok_or_else(|| {
            Failure::Link(format!("this node runs no artifacts of kind {kind}: see `vyr doctor`"))
        })?;
        executor.prepare(artifact, self.artifacts.store(), &task.spec.limits, self.tracer(task)).await
    }

    async fn execute(&self, task: &Arc<Task>, stdin: Stdin, prepared: Box<dyn Prepared>) -> End {
        let prepared_at = Stamp::now();
        let request = match self.request(task, stdin) {
            Ok(request) => request,
            Err(failure) => return End::failed(failure),
        };
        let out_dir = request.out_dir.clone();
        self.advance(task, &mut task.phase.lock(), TaskState::Running);
        let class = prepared.class();
        let outcome = self.guests.run(prepared.execute(request), || drop(task.short.lock().take())).await;
        self.trace_outcome(task, class, prepared_at, &outcome);
        let ran = Stamp::from_system_time(outcome.ended);
        let (terminal, outputs) = self.store_outputs(task, outcome, out_dir.as_deref());
        let tracer = self.tracer(task);
        tracer.passed(Edge::StoreOutput);
        let from = tracer.span(Edge::StoreOutput, ran);
        if let Some(dir) = out_dir {
            self.out_dirs.give(dir);
        }
        End { terminal, outputs, from, only_held: false }
    }

    fn request(&self, task: &Task, stdin: Stdin) -> Result<RunRequest, Failure> {
        let internal = |what: &'static str, error: &dyn std::fmt::Display| {
            Failure::Internal(format!("failed to {what}: {error}"))
        };
        let out_dir = if task.spec.out_dir {
            Some(self.out_dirs.take().map_err(|error| internal("make the output folder", &error))?)
        } else {
            None
        };
        let name = task.name().unwrap_or("task").to_owned();
        Ok(RunRequest {
            task: Some(task.id),
            args: std::iter::once(name).chain(task.spec.args.iter().cloned()).collect(),
            env: self.env(task),
            dirs: task.spec.grants.dirs.clone(),
            http_out: task.spec.grants.http_out.clone(),
            states: task.phase.lock().take_states(),
            limits: task.spec.limits,
            stdin,
            stdout: Box::new(task.stdout.clone()),
            stderr: Box::new(task.stderr.clone()),
            out_dir,
            cancel: task.cancel.clone(),
            determinism: task.spec.determinism,
            used: task.used.clone(),
        })
    }

    /// Returns the granted environment and, where it is wanted, the task's place in its trace.
    fn env(&self, task: &Task) -> Vec<EnvGrant> {
        let mut env = task.spec.grants.env.clone();
        if task.spec.trace_context && !env.iter().any(|env| env.name == "TRACEPARENT") {
            let (trace_id, span_id) = (task.trace_id, task.trace.lock().root());
            let value = TraceParent { trace_id, span_id, sampled: true }.to_string();
            env.push(EnvGrant { name: "TRACEPARENT".to_owned(), value });
        }
        env
    }

    fn trace_outcome(&self, task: &Task, class: StartClass, prepared_at: Stamp, outcome: &RunOutcome) {
        let tracer = self.tracer(task);
        let ended = Stamp::from_system_time(outcome.ended);
        let started = outcome.started.map(Stamp::from_system_time);
        tracer.passed(Edge::Instantiate);
        tracer.span_with(Edge::Instantiate, prepared_at, started.unwrap_or(ended), |_| {});
        if let Some(started) = started {
            tracer.passed(Edge::Execute);
            tracer.span_with(Edge::Execute, started, ended, |span| {
                let cpu = u64::try_from(outcome.cpu.as_nanos()).unwrap_or(u64::MAX);
                span.attr(attr::CPU_NANOS, cpu).attr(attr::START_CLASS, class.as_str());
            });
        }
        if matches!(outcome.terminal, Terminal::Failed(Failure::Limit(_))) {
            tracer.passed(Edge::Limit);
            tracer.span_with(Edge::Limit, ended, ended, |_| {});
        }
        let mut phase = task.phase.lock();
        let waited = prepared_at.since(phase.queued);
        if self.options.telemetry {
            self.metrics.started(class, waited, started.unwrap_or(ended).since(prepared_at));
        }
        phase.class = Some(class);
        phase.started = started;
        phase.cpu = outcome.cpu;
    }

    fn store_outputs(
        &self,
        task: &Task,
        outcome: RunOutcome,
        out_dir: Option<&std::path::Path>,
    ) -> (Terminal, Outputs) {
        let durability = blob_durability(task.spec.durability);
        let mut outputs = Outputs::default();
        let mut terminal = outcome.terminal;
        let streams = (task.stdout.store(), task.stderr.store());
        match streams {
            (Ok(stdout), Ok(stderr)) => (outputs.stdout, outputs.stderr) = (stdout, stderr),
            (Err(error), _) | (_, Err(error)) => {
                terminal =
                    Terminal::Failed(Failure::Internal(format!("failed to store the output: {error}")));
            }
        }
        if let Some(dir) = out_dir {
            let store = self.artifacts.store();
            match outdir::collect(dir, store, task.spec.limits.output_bytes, durability) {
                Ok(files) => outputs.files = files,
                Err(failure) if terminal == Terminal::Succeeded => terminal = Terminal::Failed(failure),
                Err(_) => {}
            }
        }
        (terminal, outputs)
    }
}
