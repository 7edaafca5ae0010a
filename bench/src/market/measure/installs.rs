use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use e2e::market::{Buyer, Platform, Process, jobs};
use serde::Serialize;
use serde_json::Value;

use super::lost::wait;
use crate::market::lab::Lab;
use crate::samples::number;

/// Makes the machine's devices, the engine and a node's home part of another distribution's file tree, for one command.
const INSIDE: &str = r#"
tree=$0 home=$1 engine=$2 program=$3; shift 3
: >> "$tree/usr/local/bin/cyxwiz-node" &&
mount --rbind /proc "$tree/proc" && mount --rbind /sys "$tree/sys" && mount --rbind /dev "$tree/dev" &&
mount -t tmpfs tmpfs "$tree/tmp" && mkdir -p "$tree$home" "$tree/run/engine" &&
mount --bind "$home" "$tree$home" && mount --bind "$engine" "$tree/run/engine" &&
mount --bind "$program" "$tree/usr/local/bin/cyxwiz-node" &&
exec chroot "$tree" /usr/local/bin/cyxwiz-node "$@"
"#;

/// Installs on distributions.
#[derive(Serialize)]
pub(crate) struct Installs {
    pub(crate) tried: Vec<Install>,
}

/// One of them.
#[derive(Serialize)]
pub(crate) struct Install {
    /// As it calls itself.
    pub(crate) distribution: String,
    /// `install` → the node would be given work, seconds.
    pub(crate) seconds: f64,
    /// What went wrong, where something did.
    pub(crate) failed: Option<String>,
}

/// A node in a distribution's file tree.
struct Inside<'a> {
    tree: &'a Path,
    home: &'a Path,
    engine: &'a Path,
}

/// Tries every distribution whose file tree was made.
pub(crate) fn installs(lab: &Lab) -> Result<Option<Installs>> {
    if lab.options.distributions.is_empty() {
        return Ok(None);
    }
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let mut tried = Vec::new();
    for tree in &lab.options.distributions {
        let distribution = name(tree)?;
        lab.say(&distribution);
        let (seconds, failed) = match install(&platform, &buyer, tree) {
            Ok(took) => (took.as_secs_f64(), None),
            Err(error) => (0.0, Some(format!("{error:#}"))),
        };
        tried.push(Install { distribution, seconds, failed });
    }
    Ok(Some(Installs { tried }))
}

impl Install {
    /// What is told of it.
    pub(crate) fn shown(&self) -> String {
        match &self.failed {
            None => format!("{} in {} s", self.distribution, number(self.seconds)),
            Some(why) => format!("{} failed: {why}", self.distribution),
        }
    }
}

/// What a file tree says that it is.
fn name(tree: &Path) -> Result<String> {
    let release = fs::read_to_string(tree.join("etc/os-release"))
        .with_context(|| format!("`{}` is no file tree", tree.display()))?;
    let named = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Ok(named.context("a release without a name")?.trim_matches('"').to_owned())
}

/// Installs a node, has it run a job, and takes it away; tells how long it took until it would be given work.
fn install(platform: &Platform, buyer: &Buyer, tree: &Path) -> Result<Duration> {
    let name = tree.file_name().context("a tree without a name")?.to_string_lossy().into_owned();
    let home = platform.folder("nodes").join(&name);
    fs::create_dir_all(&home)?;
    let socket = std::env::var("CYXWIZ_DOCKER").context("no engine")?;
    let engine = Path::new(&socket).parent().context("a socket without a folder")?;
    let inside = Inside { tree, home: &home, engine };
    let seen =
        Path::new("/run/engine").join(Path::new(&socket).file_name().context("a socket without a name")?);

    let began = Instant::now();
    inside.ok(&[
        "install",
        "--server",
        &platform.server.url,
        "--wallet",
        &platform.address("seller"),
        "--min-price",
        "0.05",
        "--name",
        &name,
        "--no-service",
        "--container-socket",
        &seen.to_string_lossy(),
    ])?;
    let _agent = Process::start(inside.command(&["run"]), &home.with_extension("log"));
    wait("the node to be available", || {
        let status: Value = serde_json::from_slice(&inside.ok(&["status", "-o", "json"])?.stdout)?;
        let available = status.pointer("/server/available").and_then(Value::as_bool);
        Ok((available == Some(true)).then_some(()))
    })?;
    let took = began.elapsed();
    let job = buyer.submit(&jobs::script(platform, "sum", jobs::SUM), &["--image", "python"]);
    let state = wait("the job's end", || {
        let state = buyer.job(&job).get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(["completed", "refunded", "cancelled"].contains(&&*state).then_some(state))
    })?;
    anyhow::ensure!(state == "completed", "its first job was {state}: {}", buyer.told(&job));
    Ok(took)
}

impl Inside<'_> {
    /// The agent with these words, with nothing of this machine's environment.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", INSIDE]);
        command.args([self.tree, self.home, self.engine]);
        command.arg(e2e::binary("CYXWIZ_NODE_BIN", "cyxwiz-node")).args(args);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root")
            .env("CYXWIZ_NODE_HOME", self.home);
        command
    }

    fn ok(&self, args: &[&str]) -> Result<Output> {
        let output = self.command(args).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "`{}`: {}", args.join(" "), said.trim());
        Ok(output)
    }
}
