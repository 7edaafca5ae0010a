use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use vyr_sdk::{Client, Endpoint};

use super::{Cli, Curl, folder, guest, until_some};

/// A real node, killed when it is dropped.
pub(crate) struct Node {
    /// The folder of this node and its test; the node's home is `home` below.
    dir: TempDir,
    builder: NodeBuilder,
    child: Option<Child>,
    tcp: Option<SocketAddr>,
}

/// How a node is to be started.
#[derive(Clone, Default)]
pub(crate) struct NodeBuilder {
    args: Vec<String>,
    env: Vec<(String, String)>,
    /// A line of shell that the node starts behind.
    behind: Option<String>,
}

impl NodeBuilder {
    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts the node behind a line of shell, which ends in `exec "$@"`.
    pub(crate) fn behind(mut self, line: &str) -> Self {
        self.behind = Some(line.to_owned());
        self
    }

    /// Starts the node in a new folder and waits until it is ready.
    pub(crate) fn start(self) -> Node {
        let dir = folder();
        fs::DirBuilder::new().mode(0o700).create(dir.path().join("home")).unwrap();
        let mut node = Node { dir, builder: self, child: None, tcp: None };
        node.start_again();
        node
    }
}

impl Node {
    pub(crate) fn start() -> Self {
        NodeBuilder::default().start()
    }

    pub(crate) fn with<S: Into<String>>(args: impl IntoIterator<Item = S>) -> Self {
        NodeBuilder::default().args(args).start()
    }

    /// Starts the node in the folder that it has, and waits until it is ready.
    pub(crate) fn start_again(&mut self) {
        self.launch();
        let ready = until_some("the node is ready", || {
            let text = self.log();
            let found = text.lines().find(|line| line.contains("the node is ready")).map(str::to_owned);
            assert!(found.is_some() || self.is_alive(), "the node ended: {text}");
            found
        });
        let ready: Value = serde_json::from_str(&ready).unwrap();
        self.tcp = ready["fields"]["tcp"].as_str().or(ready["tcp"].as_str()).unwrap().parse().ok();
    }

    /// Starts the node in the folder that it has.
    pub(crate) fn launch(&mut self) {
        assert!(self.child.is_none(), "the node runs");
        let err = File::create(self.log_path()).unwrap();
        let cli = match &self.builder.behind {
            Some(line) => Cli::behind(&self.home(), line),
            None => Cli::new(&self.home()),
        };
        let mut cli = cli.args(["node", "--log-format", "json"]).args(&self.builder.args);
        for (name, value) in &self.builder.env {
            cli = cli.env(name, value);
        }
        let mut command = cli.into_command();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(err).spawn().unwrap();
        self.child = Some(child);
    }

    /// Returns the node's home.
    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Returns a folder for the test, beside the home.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home().join("vyr.sock")
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        self.tcp.expect("the node listens on TCP")
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.home().join("token")).unwrap()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("node.log")
    }

    /// Returns what the node has logged since its last start.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(Endpoint::Unix(self.socket()), None).unwrap()
    }

    pub(crate) fn cli(&self) -> Cli {
        Cli::new(&self.home())
    }

    pub(crate) fn curl(&self) -> Curl {
        Curl::socket(&self.socket())
    }

    /// Reads the value of a metric, of the point with an attribute where that is named.
    pub(crate) fn metric(&self, name: &str, attribute: Option<&str>) -> f64 {
        let answer = self.curl().get(&format!("/metrics?once=true&prefix={name}")).json();
        let metrics = answer["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
        let metric =
            metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("{answer}"));
        let points = ["gauge", "sum"].iter().find_map(|kind| metric[kind]["dataPoints"].as_array()).unwrap();
        let has =
            |point: &&Value| attribute.is_none_or(|wanted| point["attributes"].to_string().contains(wanted));
        let point = points.iter().find(has).unwrap_or_else(|| panic!("{answer}"));
        let value = point.get("asDouble").or(point.get("asInt")).unwrap();
        value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap()
    }

    /// Puts a file and returns the artifact's digest.
    pub(crate) fn put_file(&self, file: &Path) -> String {
        self.put_with(file, &[])
    }

    /// Puts a file with flags of `vyr artifact put`.
    pub(crate) fn put_with(&self, file: &Path, flags: &[&str]) -> String {
        let answer = self.cli().args(["artifact", "put"]).args(flags).arg(file).json();
        answer[0]["digest"].as_str().unwrap().to_owned()
    }

    /// Puts a guest that declares states.
    pub(crate) fn put_with_states(&self, name: &str, states: &[&str]) -> String {
        let flags: Vec<&str> = states.iter().flat_map(|state| ["--state", state]).collect();
        self.put_with(&guest(name), &flags)
    }

    /// Puts a guest and returns the artifact's digest.
    pub(crate) fn put(&self, name: &str) -> String {
        self.put_file(&guest(name))
    }

    /// Puts a hand-written module and returns the artifact's digest.
    pub(crate) fn put_wasm(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.path().join(format!("{name}.wasm"));
        fs::write(&path, bytes).unwrap();
        self.put_file(&path)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("the node runs").id()
    }

    /// Reads the most memory that the node ever held, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        let pid = self.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Tells whether the process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Kills the node with no chance to do anything.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("the node runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the node to stop and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.terminate();
        self.ends_well();
    }

    /// Asks the node to stop.
    pub(crate) fn terminate(&self) {
        let child = self.child.as_ref().expect("the node runs");
        kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    }

    /// Waits until the node, which was asked to stop, has.
    pub(crate) fn ends_well(&mut self) {
        let mut child = self.child.take().expect("the node runs");
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the node's log:\n{}", self.log());
        }
    }
}
