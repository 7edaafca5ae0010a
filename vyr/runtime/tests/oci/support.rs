use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use vyr_model::{Limits, Terminal};
use vyr_runtime::{
    Cancel, OutputSink, RunOutcome, RunRequest, SinkError, Stdin, Used,
    oci::{OciOptions, Rootfs, Runtime},
};

use crate::image::{Layer, Layout, busybox, layout};

/// A runtime with its own work folder.
pub(crate) struct Host {
    pub(crate) runtime: Runtime,
    pub(crate) folder: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut OciOptions)) -> Self {
        let folder = TempDir::new().expect("folder");
        let mut options = OciOptions::new(folder.path().join("work"));
        change(&mut options);
        let runtime = Runtime::detect(options).expect("usable").expect("install runc 1.1 or newer");
        Self { runtime, folder }
    }

    pub(crate) async fn image(&self, layout: &Layout) -> Arc<Rootfs> {
        self.runtime.prepare(layout.source()).await.expect("prepared")
    }

    /// The image of a shell script.
    pub(crate) async fn script(&self, script: &str) -> Arc<Rootfs> {
        self.config(json!({ "Entrypoint": ["/bin/sh", "-c", script, "sh"] })).await
    }

    /// The image of busybox with a config.
    pub(crate) async fn config(&self, config: Value) -> Arc<Rootfs> {
        let folder = TempDir::new_in(self.folder.path()).expect("folder");
        self.image(&layout(folder.path(), config, vec![busybox()])).await
    }

    pub(crate) async fn layers(&self, config: Value, layers: Vec<Layer>) -> Arc<Rootfs> {
        let folder = TempDir::new_in(self.folder.path()).expect("folder");
        self.image(&layout(folder.path(), config, layers)).await
    }

    pub(crate) async fn run(&self, rootfs: &Arc<Rootfs>, job: Job) -> Done {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let request = RunRequest {
            task: None,
            args: job.args,
            env: job.env.iter().map(|text| text.parse().expect("grant")).collect(),
            dirs: job.dirs.iter().map(|text| text.parse().expect("grant")).collect(),
            http_out: vec![],
            states: vec![],
            limits: job.limits,
            stdin: job.stdin,
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            out_dir: job.out_dir,
            cancel: job.cancel,
            determinism: None,
            used: Used::default(),
        };
        let outcome = self.runtime.run(Arc::clone(rootfs), request).await;
        Done { outcome, stdout: stdout.text(), stderr: stderr.text() }
    }

    /// Asserts that no container, process, mount, cgroup or folder of this host is left.
    pub(crate) fn assert_clean(&self) {
        let work = fs::canonicalize(self.folder.path().join("work")).expect("work");
        for folder in ["bundles", "state", "unpacking"] {
            let left: Vec<_> = fs::read_dir(work.join(folder)).expect("folder").collect();
            assert!(left.is_empty(), "left in {folder}: {left:?}");
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let work = work.to_str().expect("text");
        assert!(!mounts.contains(work), "a mount is left: {mounts}");
        for process in fs::read_dir("/proc").expect("proc").filter_map(Result::ok) {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&line).contains(work), "a process is left: {process:?}");
        }
    }
}

/// What a test asks of a run.
pub(crate) struct Job {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) dirs: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) stdin: Stdin,
    pub(crate) out_dir: Option<std::path::PathBuf>,
    pub(crate) cancel: Cancel,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            args: vec!["task".into()],
            env: vec![],
            dirs: vec![],
            limits: Limits { wall_time: Duration::from_secs(120), ..Limits::default() },
            stdin: Stdin::Empty,
            out_dir: None,
            cancel: Cancel::default(),
        }
    }
}

impl Job {
    pub(crate) fn args(args: &[&str]) -> Self {
        let args = std::iter::once("task").chain(args.iter().copied()).map(str::to_owned).collect();
        Self { args, ..Self::default() }
    }

    pub(crate) fn stdin(bytes: impl Into<Bytes>) -> Self {
        Self { stdin: Stdin::Bytes(bytes.into()), ..Self::default() }
    }

    pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut job = Self::default();
        change(&mut job.limits);
        job
    }

    pub(crate) fn out(mut self, folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("out");
        self.out_dir = Some(folder.to_owned());
        self
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
        assert_eq!(self.outcome.terminal, Terminal::Succeeded, "stderr: {}", self.stderr);
        self.stdout
    }
}

/// Keeps what a program writes, and calls a test back at each piece.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("lock")).into_owned()
    }
}

impl OutputSink for Captured {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(())
    }
}

/// Cancels, or fails, at the first byte that the program writes: it runs then for sure.
pub(crate) struct AtFirstByte<F>(pub(crate) Option<F>);

impl<F: FnOnce() -> io::Result<()> + Send> OutputSink for AtFirstByte<F> {
    fn write(&mut self, _bytes: &[u8]) -> Result<(), SinkError> {
        self.0.take().map_or(Ok(()), |act| act()).map_err(SinkError::from)
    }
}

/// The host that tests share whose containers need no host of their own.
pub(crate) fn shared() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(Host::new)
}

pub(crate) fn request(stdout: Box<dyn OutputSink>, cancel: Cancel) -> RunRequest {
    RunRequest {
        task: None,
        args: vec!["task".into()],
        env: vec![],
        dirs: vec![],
        http_out: vec![],
        states: vec![],
        limits: Limits::default(),
        stdin: Stdin::Empty,
        stdout,
        stderr: Box::new(Captured::default()),
        out_dir: None,
        cancel,
        determinism: None,
        used: Used::default(),
    }
}
