use std::path::Path;
use std::time::Duration;

use cyxwiz_proto::v1;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::Instant;
use vyr_sdk::SdkError;
use vyr_sdk::control::{
    self, DirGrant, EnvGrant, Grants, ProtoDuration, Resources, SubmitTaskRequest, TaskState, TaskStatus,
};
use vyr_sdk::is_terminal;

use super::metrics;
use super::prepare::{Program, chain};
use super::run::Run;
use crate::backoff::Backoff;
use crate::ending::{self, Cause, Ended};
use crate::files::{Bounds, Entry, scan};

/// How much longer VYR's own clock lets a task run: the agent's ends it more gently before.
const SLACK: Duration = Duration::from_secs(120);
/// How often the folders that the job writes are measured, and at least so many times what that took.
const DISK_LOOK: Duration = Duration::from_secs(1);
const DISK_LOOK_SHARE: u32 = 20;
/// Files in those folders.
pub(super) const MAX_FILES: usize = 100_000;
/// How much more than its log may hold a job may write before it counts as a flood.
const FLOOD: u64 = 4;
const FLOOD_LEAST: u64 = 64 << 20;

/// How an execution went.
pub(super) struct Ran {
    pub(super) ended: Ended,
    /// Whether the script ever started.
    pub(super) started: bool,
}

impl Run {
    /// Runs the program as a VYR task to its end.
    pub(super) async fn execute(&self, program: Program) -> Ran {
        let id = self.handle.job.attempt;
        let never = |ended| Ran { ended, started: false };
        // before the submit: a crash in between must not leave a task that nobody knows of
        if let Err(error) = self.tools.journal.running(id, "") {
            return never(Ended::node(chain(&error)));
        }
        let artifact = program.artifact;
        let restored = self.restored().await;
        let request = self.request(&program);
        let task = match self.tools.fabric.submit(request, &self.handle.job.traceparent).await {
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
        self.tools.fabric.remove(&artifact);
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

    fn request(&self, program: &Program) -> SubmitTaskRequest {
        let job = &self.handle.job;
        let requirements = &job.spec.requirements;
        let wall = job.timeout + SLACK;
        let cpus = u64::from(requirements.cpu_milli.div_ceil(1000)).max(1);
        let log = job.max_log_bytes.saturating_mul(FLOOD).max(FLOOD_LEAST);
        let limits = control::Limits {
            memory_bytes: requirements.memory_mib.saturating_mul(1 << 20),
            wall_time: duration(wall).into(),
            cpu_time: duration(wall.saturating_mul(u32::try_from(cpus).unwrap_or(u32::MAX))).into(),
            stdout_bytes: log,
            stderr_bytes: log,
            ..Default::default()
        };
        let own = program.env.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        // what the market promises goes before what the buyer sets
        let buyers = job.spec.env.iter().filter(|(name, _)| program.env.iter().all(|(own, _)| own != name));
        let env = buyers.map(|(name, value)| (name.clone(), value.clone())).chain(own);
        let dir = |host: &Path, guest: &str, read_only| DirGrant {
            host_path: host.display().to_string(),
            guest_path: guest.to_owned(),
            read_only,
            ..Default::default()
        };
        let grants = Grants {
            env: env.map(|(name, value)| EnvGrant { name, value, ..Default::default() }).collect(),
            dirs: vec![
                dir(&self.dir.job(), "/job", true),
                dir(&self.dir.output(), "/output", false),
                dir(&self.dir.checkpoints(), "/checkpoints", false),
                dir(&self.dir.metrics(), "/metrics", false),
            ],
            ..Default::default()
        };
        let resources = Resources {
            limits: limits.into(),
            grants: grants.into(),
            args: program.args.clone(),
            no_output_dir: true,
            // equal inputs, equal environment
            no_trace_context: program.deterministic,
            ..Default::default()
        };
        SubmitTaskRequest {
            artifact_digest: program.artifact.to_string(),
            resources: resources.into(),
            idempotency_key: format!("{}:{}", job.attempt, job.epoch),
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
    async fn follow_output(&self, task: &str, name: &str, stream: v1::LogStream) {
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

    /// Cancels the task when somebody, or its time, asks for its end. Completes never by itself.
    async fn keep_orders(&self, task: &str, mut begun: watch::Receiver<bool>) {
        let time_up = async {
            let _ = begun.wait_for(|begun| *begun).await;
            tokio::time::sleep(self.handle.job.timeout).await;
            self.handle.stop(Cause::TimeUp);
        };
        let asked = tokio::select! {
            cause = self.handle.stopped() => cause,
            () = time_up => Cause::TimeUp,
        };
        tracing::info!(attempt.id = %self.handle.job.attempt, cause = ?asked, "ends a task early");
        let mut backoff = Backoff::default();
        while let Err(error) = self.tools.fabric.cancel(task).await {
            tracing::warn!(task.id = task, %error, "a task was not cancelled: tried again");
            backoff.wait(None).await;
        }
        std::future::pending::<()>().await;
    }

    /// Ends the job when it writes more than it may. Completes never by itself.
    async fn watch_disk(&self) {
        let job = &self.handle.job;
        let inputs = job.inputs.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        let most = job.spec.requirements.disk_mib.saturating_mul(1 << 20).saturating_sub(inputs);
        let folders = [
            (self.dir.output(), job.max_output_bytes),
            (self.dir.checkpoints(), job.max_output_bytes),
            (self.dir.metrics(), job.max_log_bytes),
        ];
        let mut pause = DISK_LOOK;
        loop {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            let folders = folders.clone();
            let look = move || {
                let mut taken = 0_u64;
                for (folder, bytes) in folders {
                    let Ok(scan) = scan(&folder, Bounds { files: MAX_FILES, bytes }) else { continue };
                    taken = taken.saturating_add(scan.disk_bytes);
                    if scan.too_much || taken > most {
                        return true;
                    }
                }
                false
            };
            if tokio::task::spawn_blocking(look).await.unwrap_or(false) {
                self.handle.stop(Cause::Disk);
            }
            pause = DISK_LOOK.max(began.elapsed() * DISK_LOOK_SHARE);
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
