//! Rules in the engine's own network namespace, by `iptables`, which the engine itself uses.

use std::{env, ffi::OsString, fs, process::Stdio};

use tokio::{io::AsyncWriteExt as _, process::Command};

use super::rules::{INPUT, Rules, USER};
use crate::Engine;

/// Seconds that a change waits for another's.
const WAIT: &str = "10";

pub(super) struct Firewall {
    /// The engine's network namespace, where it is not ours.
    namespace: Option<String>,
}

impl Firewall {
    /// Finds the namespace of the process that listens on the engine's socket.
    pub(super) async fn of(engine: &Engine) -> Result<Self, String> {
        let Some(pid) = engine.process() else { return Err("the engine's process is not known".to_owned()) };
        let theirs = format!("/proc/{pid}/ns/net");
        let namespace = |path: &str| {
            fs::read_link(path).map_err(|error| format!("the engine's network cannot be looked at: {error}"))
        };
        let same = namespace(&theirs)? == namespace("/proc/self/ns/net")?;
        let firewall = Self { namespace: (!same).then_some(theirs) };
        firewall.list(USER).await.map_err(|_| {
            format!("there is no chain {USER}: outbound jobs need Docker's iptables rules, and root to add to them")
        })?;
        Ok(firewall)
    }

    /// Puts the rules in one step: our chain filled anew, what leads to it at the head of others' chains.
    pub(super) async fn install(&self, rules: &Rules) -> Result<(), String> {
        let listed = format!("{}{}", self.list(USER).await?, self.list(INPUT).await?);
        self.feed("iptables-restore", &["--noflush", "-w", WAIT], &rules.restore(&listed)).await.map(drop)
    }

    /// Lists a chain.
    pub(super) async fn list(&self, chain: &str) -> Result<String, String> {
        self.feed("iptables", &["-w", WAIT, "-S", chain], "").await
    }

    /// Runs a program in the engine's namespace with a text as its input.
    async fn feed(&self, program: &str, args: &[&str], text: &str) -> Result<String, String> {
        let mut command = match &self.namespace {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net={namespace}")).arg(program);
                command
            }
        };
        command.args(args).env("PATH", path()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |error: std::io::Error| format!("`{program}` cannot be started: {error}");
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // one that fails says so by its exit
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{program}` failed: {}", said.lines().next().unwrap_or("it said nothing")))
    }
}

/// `PATH` with the folders that only root's has.
fn path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    path
}
