use std::path::PathBuf;
use std::time::Duration;

use cyxwiz_model::rerun::{CHECKPOINT_DIR, JOB_DIR, METRICS_DIR, OUTPUT_DIR};
use cyxwiz_proto::v1;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use vyr_model::Digest;
use vyr_sdk::SdkError;
use vyr_sdk::control::{
    self, Determinism, DirGrant, EnvGrant, Grants, ProtoDuration, Resources, SubmitTaskRequest, TaskState,
    TaskStatus,
};
use vyr_sdk::is_terminal;

use super::metrics;
use super::prepare::Program;
use super::run::Run;
use crate::containers::chain;
use crate::ending::{self, Ended};
use crate::files::Entry;
use crate::trace::RUN;

/// How much longer VYR's own clock lets a task run: the agent's ends it more gently before.
const SLACK: Duration = Duration::from_secs(120);
/// How much more than its log may hold a job may write before it counts as a flood.
const FLOOD: u64 = 4;
const FLOOD_LEAST: u64 = 64 << 20;

/// What a task is made of.
pub(super) struct Submit {
    pub(super) artifact: Digest,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// Host folder, guest path, whether it is read alone.
    pub(super) dirs: Vec<(PathBuf, &'static str, bool)>,
    pub(super) memory_mib: u64,
    pub(super) wall: Duration,
    pub(super) determinism: Option<Determinism>,
    pub(super) idempotency_key: String,
}

/// How an execution went.
pub(super) struct Ran {
    pub(super) ended: Ended,
    /// Whether the script ever started.
    pub(super) started: bool,
}

impl Run {
    /// Runs the program as a VYR task to its end.
    pub(super) async fn execute(&self, program: Program) -> Ran {
        let phase = self.trace.begin(RUN);
        let ran = self.execute_task(program).await;
        phase.ended(&ran.ended);
        ran
    }

    async fn execute_task(&self, program: Program) -> Ran {
        let id = self.handle.job.attempt;
        let never = |ended| Ran { ended, started: false };
        // before the submit: a crash in between must not leave a task that nobody knows of
        if let Err(error) = self.tools.journal.running(id, "") {
            return never(Ended::node(chain(&error)));
        }
        let artifact = program.artifact;
        let restored = self.restored().await;
        let request = self.request(self.submit(&program));
        let task = match self.tools.fabric.submit(request, &self.trace.traceparent(RUN)).await {
            Ok(task) => task,
            Err(error) => {
                return never(Ended::node(format!("VYR does not take the task: {}", chain(&error))));
            }
        };
        *self.task.lock() = Some(task.clone());
        if let Err(error) = self.tools.journal.running(id, &task) {
            tracing::error!(attempt.id = %id, %error, "the task's id was not kept");
        }
        let status = self.attend(&task, &artifact.to_string(), restored).await;
        *self.task.lock() = None;
        self.sample(&task);
        if let Some(containers) = &self.tools.containers {
            containers.forget(&task);
        }
        match status {
            Ok(status) => {
                self.count(&status);
                let started = status.start_time.is_set();
                let ended = ending::of_task(&status, self.handle.cause(), self.handle.allowed());
                Ran { ended, started }
            }
            Err(error) => never(Ended::node(format!("VYR lost sight of the task: {}", chain(&error)))),
        }
    }

    fn submit(&self, program: &Program) -> Submit {
        let job = &self.handle.job;
        let mut dirs = vec![
            (self.dir.job(), JOB_DIR, true),
            (self.dir.output(), OUTPUT_DIR, false),
            (self.dir.checkpoints(), CHECKPOINT_DIR, false),
            (self.dir.metrics(), METRICS_DIR, false),
        ];
        dirs.extend(program.site.clone().map(|site| (site, "/site", true)));
        Submit {
            artifact: program.artifact,
            args: program.args.clone(),
            env: program.env.clone().into_iter().collect(),
            dirs,
            memory_mib: job.spec.requirements.memory_mib,
            wall: job.timeout + SLACK,
            determinism: program.determinism.clone(),
            idempotency_key: format!("{}:{}", job.attempt, job.epoch),
        }
    }

    /// Makes the request of a task.
    pub(super) fn request(&self, submit: Submit) -> SubmitTaskRequest {
        let job = &self.handle.job;
        let cpus = job.spec.requirements.cpu_milli.div_ceil(1000).max(1);
        let log = job.max_log_bytes.saturating_mul(FLOOD).max(FLOOD_LEAST);
        let limits = control::Limits {
            memory_bytes: submit.memory_mib.saturating_mul(1 << 20),
            wall_time: duration(submit.wall).into(),
            cpu_time: duration(submit.wall.saturating_mul(cpus)).into(),
            stdout_bytes: log,
            stderr_bytes: log,
            ..Default::default()
        };
        let dir = |(host, guest, read_only): (PathBuf, &str, bool)| DirGrant {
            host_path: host.display().to_string(),
            guest_path: guest.to_owned(),
            read_only,
            ..Default::default()
        };
        let env = |(name, value)| EnvGrant { name, value, ..Default::default() };
        let grants = Grants {
            env: submit.env.into_iter().map(env).collect(),
            dirs: submit.dirs.into_iter().map(dir).collect(),
            ..Default::default()
        };
        let resources = Resources {
            limits: limits.into(),
            grants: grants.into(),
            args: submit.args,
            no_output_dir: true,
            determinism: submit.determinism.into(),
            ..Default::default()
        };
        SubmitTaskRequest {
            artifact_digest: submit.artifact.to_string(),
            resources: resources.into(),
            idempotency_key: submit.idempotency_key,
            ..Default::default()
        }
    }

    /// Watches a task and everything that it writes, until it has ended and all of that was read.
    async fn attend(&self, task: &str, artifact: &str, restored: Vec<Entry>) -> Result<TaskStatus, SdkError> {
        let (over, _) = watch::channel(false);
        let (begun, _) = watch::channel(false);
        let ended = || {
            let mut over = over.subscribe();
            async move {
                let _ = over.wait_for(|over| *over).await;
            }
        };
        let status = async {
            let status = self.follow_states(task, artifact, &begun).await;
            let _ = over.send(true);
            status
        };
        let guard = async {
            tokio::select! {
                () = self.keep_orders(task, begun.subscribe()) => {}
                () = self.watch_disk() => {}
                () = self.checkpoints(restored) => {}
                () = self.sample_often(task) => {}
                () = ended() => {}
            }
        };
        let metrics_dir = self.dir.metrics();
        let (status, (), (), (), ()) = tokio::join!(
            status,
            self.follow_output(task, "stdout", v1::LogStream::Stdout),
            self.follow_output(task, "stderr", v1::LogStream::Stderr),
            metrics::follow(&metrics_dir, &self.spool, ended()),
            guard,
        );
        status
    }

    /// Reports the start, and returns the end.
    async fn follow_states(
        &self,
        task: &str,
        artifact: &str,
        begun: &watch::Sender<bool>,
    ) -> Result<TaskStatus, SdkError> {
        let start = || {
            if !begun.send_replace(true) {
                self.reporter.report(v1::Started {
                    artifact_digest: artifact.to_owned(),
                    task_id: task.to_owned(),
                    ..Default::default()
                });
            }
        };
        let mut states = self.tools.fabric.watch(task).await?;
        while let Some(message) = states.next().await? {
            for status in message.tasks {
                let state = status.state.as_known().unwrap_or(TaskState::Unspecified);
                if state == TaskState::Running || status.start_time.is_set() {
                    start();
                }
                if is_terminal(state) {
                    return Ok(status);
                }
            }
        }
        // the stream ended before the task: ask once more
        let status = self.tools.fabric.wait(task).await?;
        if status.start_time.is_set() {
            start();
        }
        Ok(status)
    }

    /// Passes a stream on while it grows, from its first byte to its end.
    pub(super) async fn follow_output(&self, task: &str, name: &str, stream: v1::LogStream) {
        let mut reader = match self.tools.fabric.follow(task, name).await {
            Ok(reader) => reader,
            Err(error) => {
                self.spool.system(&format!("{name} was not followed: {error}"));
                return;
            }
        };
        let mut buffer = vec![0; 64 << 10];
        loop {
            match reader.read(&mut buffer).await {
                Ok(0) => return,
                Ok(count) => {
                    self.spool.output(stream, buffer.get(..count).unwrap_or_default());
                    self.spool.relieve();
                }
                Err(error) => {
                    self.spool.system(&format!("{name} breaks off here: {error}"));
                    return;
                }
            }
        }
    }
}

fn duration(duration: Duration) -> ProtoDuration {
    ProtoDuration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
        ..Default::default()
    }
}
