//! The real binary, in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::{Child, Command};

use crate::market::Market;
use crate::mounts::unmount_below;

pub(crate) const WALLET: &str = "9vMJfxuKxXBoEa7rM12mYLMwTacLMLDJqHozw96WQL8i";

pub(crate) struct Node {
    pub(crate) dir: tempfile::TempDir,
    agent: Option<Child>,
    /// How far this machine's clock is off, as libfaketime reads it.
    clock: Option<&'static str>,
}

pub(crate) fn text(output: &Output) -> (Option<i32>, String, String) {
    let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), of(&output.stdout), of(&output.stderr))
}

impl Node {
    pub(crate) fn new() -> Self {
        // short: a Unix socket lies in it
        Self { dir: tempfile::Builder::new().prefix("cyx").tempdir().unwrap(), agent: None, clock: None }
    }

    /// Installs and runs an agent.
    pub(crate) async fn run(market: &Market) -> Self {
        Self::run_at(market, None).await
    }

    /// The same, with its clock put off.
    pub(crate) async fn run_at(market: &Market, clock: Option<&'static str>) -> Self {
        let mut node = Self::new();
        node.clock = clock;
        let installed = node
            .call(&[
                "install",
                "--server",
                &market.url(),
                "--wallet",
                WALLET,
                "--no-service",
                "--no-containers",
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
        if let Some(off) = self.clock {
            command
                .env("LD_PRELOAD", faketime())
                .env("FAKETIME", off)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
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

/// What puts a program's clock off. `./x test` installs it.
fn faketime() -> PathBuf {
    let places = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let found = places.map(|place| place.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    found.expect("libfaketime is not there: run `./x test`")
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            let _ = agent.start_kill();
        }
        unmount_below(self.dir.path());
        if std::thread::panicking() {
            eprintln!("--- the agent's log ---\n{}", self.log());
        }
    }
}
