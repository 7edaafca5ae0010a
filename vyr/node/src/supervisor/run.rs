use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt as _;
use vyr_model::{Failure, Outputs, TaskState, Terminal};
use vyr_runtime::{RunOutcome, RunRequest, Stdin};
use vyr_telemetry::{Edge, Stamp};

use super::{Supervisor, finish::End};
use crate::{executor::Prepared, outdir, tasks::Task};

impl Supervisor {
    /// Runs tasks one after the other until none waits.
    pub(super) async fn runner(self: Arc<Self>, first: Arc<Task>) {
        let mut task = first;
        loop {
            let run = AssertUnwindSafe(self.run(&task)).catch_unwind();
            if run.await.is_err() {
                tracing::error!(task.id = %task.id, "the node panicked while it ran a task");
                let failure = Failure::Internal("the node panicked: see its log".to_owned());
                self.finish(&task, End::failed(failure)).await;
            }
            let next = self.queue.lock().next();
            match next {
                Some(next) => task = next,
                None => {
                    self.idle.notify_waiters();
                    return;
                }
            }
        }
    }

    async fn run(&self, task: &Arc<Task>) {
        let dequeued = Stamp::now();
        {
            let mut phase = task.phase.lock();
            if phase.state.is_terminal() {
                return; // cancelled while it waited
            }
            let queued = phase.queued;
            self.coverage.passed(Edge::Queue);
            phase.trace.record(Edge::Queue, queued, dequeued);
        }
        if let Err(error) = self.commit_start(task, dequeued).await {
            let failure = Failure::Internal(format!("the task's start could not be recorded: {error}"));
            return self.finish(task, End::failed(failure)).await;
        }
        let end = match self.prepare(task).await {
            Ok(prepared) => self.execute(task, prepared).await,
            Err(failure) => End::failed(failure),
        };
        self.finish(task, end).await;
    }

    /// Records the start and, for a durable task, waits until that is on disk: what ran once must
    /// not run again.
    async fn commit_start(
        &self,
        task: &Task,
        dequeued: Stamp,
    ) -> Result<(), vyr_telemetry::record::RecordError> {
        let attempt = {
            let mut phase = task.phase.lock();
            if phase.state.is_terminal() {
                return Ok(());
            }
            phase.attempts += 1;
            self.advance(task, &mut phase, TaskState::Starting);
            phase.attempts
        };
        let synced = self.record_started(task, attempt).await?;
        if task.spec.durability == vyr_model::Durability::Durable {
            synced.wait().await?;
            self.coverage.passed(Edge::Commit);
            task.phase.lock().trace.record(Edge::Commit, dequeued, Stamp::now());
        }
        Ok(())
    }

    async fn prepare(&self, task: &Arc<Task>) -> Result<Box<dyn Prepared>, Failure> {
        let kind = task.artifact.manifest().kind;
        let executor = self.executors.iter().find(|executor| executor.accepts(kind)).ok_or_else(|| {
            Failure::Link(format!("this node runs no artifacts of kind {kind}: see `vyr doctor`"))
        })?;
        // the trace is lent out: a cancel in between waits for nothing but this
        let mut trace = task.phase.lock().trace.clone();
        let prepared = executor.prepare(&task.artifact, &mut trace, &self.coverage).await;
        task.phase.lock().trace.extend_from(trace);
        prepared
    }

    async fn execute(&self, task: &Arc<Task>, prepared: Box<dyn Prepared>) -> End {
        let prepared_at = Stamp::now();
        let request = match self.request(task) {
            Ok(request) => request,
            Err(failure) => return End::failed(failure),
        };
        let out_dir = request.out_dir.clone();
        {
            let mut phase = task.phase.lock();
            if !self.advance(task, &mut phase, TaskState::Running) {
                return End::of(Terminal::Cancelled);
            }
        }
        let outcome = prepared.execute(request).await;
        self.trace_outcome(task, prepared_at, &outcome);
        let ran = Stamp::from_system_time(outcome.ended);
        let (terminal, outputs) = self.store_outputs(task, outcome, out_dir.as_deref());
        self.coverage.passed(Edge::StoreOutput);
        task.phase.lock().trace.record(Edge::StoreOutput, ran, Stamp::now());
        if let Some(dir) = out_dir {
            self.out_dirs.give(dir);
        }
        End { terminal, outputs, from: Stamp::now() }
    }

    fn request(&self, task: &Task) -> Result<RunRequest, Failure> {
        let internal = |what: &'static str, error: &dyn std::fmt::Display| {
            Failure::Internal(format!("failed to {what}: {error}"))
        };
        let stdin = match task.spec.input {
            None => Stdin::Empty,
            Some(digest) => {
                let blob = self.artifacts.store().open_blob(digest);
                Stdin::File(blob.map_err(|error| internal("open the input", &error))?.0)
            }
        };
        let out_dir = if task.spec.out_dir {
            Some(self.out_dirs.take().map_err(|error| internal("make the output folder", &error))?)
        } else {
            None
        };
        let name = task.artifact.manifest().name.clone().unwrap_or_else(|| "task".to_owned());
        Ok(RunRequest {
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
        })
    }

    /// Returns the granted environment and the task's place in its trace.
    fn env(&self, task: &Task) -> Vec<vyr_model::EnvGrant> {
        let mut env = task.spec.grants.env.clone();
        if task.spec.out_dir && !env.iter().any(|env| env.name == "TRACEPARENT") {
            let phase = task.phase.lock();
            let value = vyr_telemetry::TraceParent {
                trace_id: phase.trace.trace_id(),
                span_id: phase.trace.root(),
                sampled: true,
            };
            env.push(vyr_model::EnvGrant { name: "TRACEPARENT".to_owned(), value: value.to_string() });
        }
        env
    }

    fn trace_outcome(&self, task: &Task, prepared_at: Stamp, outcome: &RunOutcome) {
        let mut phase = task.phase.lock();
        let ended = Stamp::from_system_time(outcome.ended);
        self.coverage.passed(Edge::Instantiate);
        let started = outcome.started.map(Stamp::from_system_time);
        phase.trace.record(Edge::Instantiate, prepared_at, started.unwrap_or(ended));
        if let Some(started) = started {
            self.coverage.passed(Edge::Execute);
            phase.trace.record(Edge::Execute, started, ended);
        }
        phase.started = started;
        phase.cpu = outcome.cpu;
    }

    fn store_outputs(
        &self,
        task: &Task,
        outcome: RunOutcome,
        out_dir: Option<&std::path::Path>,
    ) -> (Terminal, Outputs) {
        let durability = task.spec.durability.into();
        let mut outputs = Outputs::default();
        let mut terminal = outcome.terminal;
        let streams = (task.stdout.store(durability), task.stderr.store(durability));
        match streams {
            (Ok(stdout), Ok(stderr)) => (outputs.stdout, outputs.stderr) = (stdout, stderr),
            (Err(error), _) | (_, Err(error)) => {
                terminal = Terminal::Failed(Failure::Internal(format!("failed to store the output: {error}")));
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
