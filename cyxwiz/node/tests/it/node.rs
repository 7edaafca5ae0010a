//! The real binary, in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::{Child, Command};

use crate::market::Market;

pub(crate) const WALLET: &str = "9vMJfxuKxXBoEa7rM12mYLMwTacLMLDJqHozw96WQL8i";

pub(crate) struct Node {
    pub(crate) dir: tempfile::TempDir,
    agent: Option<Child>,
}

pub(crate) fn text(output: &Output) -> (Option<i32>, String, String) {
    let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), of(&output.stdout), of(&output.stderr))
}

impl Node {
    pub(crate) fn new() -> Self {
        // short: a Unix socket lies in it
        Self { dir: tempfile::Builder::new().prefix("cyx").tempdir().unwrap(), agent: None }
    }

    /// Installs and runs an agent.
    pub(crate) async fn run(market: &Market) -> Self {
        let mut node = Self::new();
        let installed = node
            .call(&[
                "install",
                "--server",
                &market.url(),
                "--wallet",
                WALLET,
                "--no-service",
                "--cpu-slots",
                "4",
            ])
            .await;
        assert!(installed.status.success(), "{:?}", text(&installed));
        node.start();
        node
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("n")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cyxwiz-node"));
        command
            .env_remove("CYXWIZ_SERVER")
            .env("CYXWIZ_NODE_HOME", self.home())
            .env("XDG_CONFIG_HOME", self.dir.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn call(&self, args: &[&str]) -> Output {
        self.command().args(args).output().await.unwrap()
    }

    pub(crate) fn start(&mut self) {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        let filter = "info,cyxwiz_node=debug,wasmtime_wasi=warn";
        self.agent = Some(self.command().args(["run", "--log", filter]).stderr(log).spawn().unwrap());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Waits for words in the log.
    pub(crate) async fn until_log(&self, words: &str) {
        for _ in 0..1200 {
            if self.log().contains(words) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the log never says `{words}`");
    }

    /// SIGKILL, at once.
    pub(crate) async fn kill(&mut self) {
        self.agent.take().unwrap().kill().await.unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        let mut agent = self.agent.take().unwrap();
        let pid = rustix::process::Pid::from_raw(agent.id().unwrap().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        agent.wait().await.unwrap().code()
    }

    /// What lies in the folder of attempts.
    pub(crate) fn attempts(&self) -> Vec<String> {
        names(&self.home().join("attempts"))
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the agent's log ---\n{}", self.log());
        }
    }
}
