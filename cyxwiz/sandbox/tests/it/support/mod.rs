//! A host of jobs for each test, with a node label of its own.

mod bound;
mod loose;
mod sinks;
mod world;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use cyxwiz_sandbox::{
    ContainerExecutor, ContainerJob, ContainerOptions, Engine, ImageRef, Network, NodeLabel, Usage,
    VolumeRoom,
};
use tempfile::TempDir;
use vyr_model::{DirGrant, Limits, TaskId, Terminal};
use vyr_runtime::{Cancel, RunOutcome, RunRequest, Stdin, Used};

pub(crate) use self::{
    bound::Bound,
    loose::{Loose, bind},
    sinks::{AtFirstByte, Captured},
    world::{METADATA, PRIVATE, PUBLIC, World},
};

/// The user that a job is when the node is root.
const NOBODY: u32 = 65_534;

/// Reads a variable that `./x test` sets.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run `./x test`, or `./x containers start` and `./x images python`, and set it"
        )
    })
}

/// An engine, an executor on it, and a folder for jobs.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) executor: ContainerExecutor,
    pub(crate) image: ImageRef,
    pub(crate) node: NodeLabel,
    pub(crate) samples: Arc<Mutex<Vec<Usage>>>,
    folder: TempDir,
}

/// Who this node is: another in each test, so that each sees its own containers alone.
fn label() -> NodeLabel {
    format!("test-{}", TaskId::generate().to_string().replace("tsk_", "")).parse().unwrap()
}

impl Host {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ContainerOptions)) -> Self {
        let engine = Engine::connect(Some(Path::new(&variable("CYXWIZ_DOCKER")))).await.unwrap();
        let image = variable("CYXWIZ_IMAGE_PYTHON").parse().unwrap();
        let node = label();
        let samples: Arc<Mutex<Vec<Usage>>> = Arc::default();
        let mut options = ContainerOptions::new(node.clone());
        let taken = Arc::clone(&samples);
        options.on_usage = Some(Arc::new(move |_, usage| taken.lock().unwrap().push(usage)));
        options.sample_every = Duration::from_millis(100);
        options.grace = Duration::from_millis(500);
        change(&mut options);
        let executor = ContainerExecutor::new(engine.clone(), options).await.unwrap();
        Self { engine, executor, image, node, samples, folder: tempfile::tempdir().unwrap() }
    }

    /// Makes a folder that a job may write to.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        path
    }

    /// Gives a folder a file system of its own, which only root can.
    pub(crate) async fn bound(&self, folder: &Path, room: VolumeRoom) -> Option<Bound> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: bounded folders need root");
            return None;
        }
        Some(Bound::make(&self.engine, folder, room).await)
    }

    /// Makes a job of a Python script.
    pub(crate) fn python(&self, script: &str) -> Attempt {
        let command = ["python3", "-c", script].map(str::to_owned).to_vec();
        let mut job = ContainerJob::new(self.image.clone(), command);
        job.pids = 64;
        Attempt::new(job)
    }

    /// Runs a job, and asserts that nothing of it is left.
    pub(crate) async fn run(&self, attempt: Attempt) -> Done {
        let stdout = Captured::default();
        self.run_into(attempt, Box::new(stdout.clone()), stdout).await
    }

    pub(crate) async fn run_into(
        &self,
        attempt: Attempt,
        sink: Box<dyn vyr_runtime::OutputSink>,
        stdout: Captured,
    ) -> Done {
        let done = self.run_beside_into(attempt, sink, stdout).await;
        self.assert_clean().await;
        done
    }

    /// Runs a job while others run.
    pub(crate) async fn run_beside(&self, attempt: Attempt) -> Done {
        let stdout = Captured::default();
        self.run_beside_into(attempt, Box::new(stdout.clone()), stdout).await
    }

    pub(crate) async fn run_beside_into(
        &self,
        attempt: Attempt,
        sink: Box<dyn vyr_runtime::OutputSink>,
        stdout: Captured,
    ) -> Done {
        let stderr = Captured::default();
        let request = RunRequest {
            task: Some(TaskId::generate()),
            args: std::iter::once("job".to_owned()).chain(attempt.args).collect(),
            env: attempt.env.iter().map(|text| text.parse().unwrap()).collect(),
            dirs: attempt.dirs,
            http_out: vec![],
            states: vec![],
            determinism: None,
            used: Used::default(),
            limits: attempt.limits,
            stdin: attempt.stdin,
            stdout: sink,
            stderr: Box::new(stderr.clone()),
            out_dir: attempt.out_dir,
            cancel: attempt.cancel,
        };
        let outcome = self.executor.run(&attempt.job, request).await;
        Done { outcome, stdout: stdout.text(), stderr: stderr.text() }
    }

    /// Asserts that the engine is well and holds nothing of this node.
    pub(crate) async fn assert_clean(&self) {
        let swept = self.engine.sweep(&self.node).await.unwrap();
        assert_eq!(swept.containers, 0, "left behind: {swept:?}");
        let path = self.folder.path().to_str().unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(path), "a mount is left: {mounts}");
    }

    /// The engine still runs a job: asserted after each attack.
    pub(crate) async fn assert_healthy(&self) {
        let done = self.run(self.python("print('well')")).await;
        assert_eq!(done.succeeded(), "well\n");
    }
}

/// A job and what it is submitted with.
pub(crate) struct Attempt {
    pub(crate) job: ContainerJob,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) dirs: Vec<DirGrant>,
    pub(crate) limits: Limits,
    pub(crate) stdin: Stdin,
    pub(crate) out_dir: Option<PathBuf>,
    pub(crate) cancel: Cancel,
}

impl Attempt {
    pub(crate) fn new(job: ContainerJob) -> Self {
        let wall_time = Duration::from_secs(120);
        Self {
            job,
            args: vec![],
            env: vec![],
            dirs: vec![],
            limits: Limits { wall_time, ..Limits::default() },
            stdin: Stdin::Empty,
            out_dir: None,
            cancel: Cancel::default(),
        }
    }

    pub(crate) fn job(mut self, change: impl FnOnce(&mut ContainerJob)) -> Self {
        change(&mut self.job);
        self
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn dir(mut self, host: &Path, guest: &str, read_only: bool) -> Self {
        let host_path = host.to_str().unwrap().to_owned();
        self.dirs.push(DirGrant { host_path, guest_path: guest.to_owned(), read_only });
        self
    }

    pub(crate) fn arg(mut self, arg: impl ToString) -> Self {
        self.args.push(arg.to_string());
        self
    }

    pub(crate) fn env(mut self, set: &str) -> Self {
        self.env.push(set.to_owned());
        self
    }

    pub(crate) fn outbound(self) -> Self {
        self.job(|job| job.network = Network::Outbound)
    }
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) outcome: RunOutcome,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Asserts success and returns stdout.
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.outcome.terminal, Terminal::Succeeded, "{self:?}");
        self.stdout
    }
}

/// Waits until something holds, for a bounded time.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 30 s: {what}");
}
