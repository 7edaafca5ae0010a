use std::{
    fs::{self, File},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use vyr_sdk::{Client, Endpoint};

/// How long a node may take to answer, or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to reach a starting node.
const LOOK: Duration = Duration::from_micros(200);

/// How a node is started.
#[derive(Clone)]
pub(crate) struct NodeSetup {
    pub(crate) vyr: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

/// A `vyr node` process.
pub(crate) struct Node {
    child: Child,
    home: PathBuf,
}

impl NodeSetup {
    pub(crate) fn new(vyr: &Path, home: PathBuf) -> Self {
        Self { vyr: vyr.to_owned(), home, args: Vec::new(), env: Vec::new() }
    }

    /// Starts the process; it may not answer yet.
    pub(crate) fn spawn(&self) -> Result<Node> {
        fs::create_dir_all(&self.home)?;
        let log = File::options().create(true).append(true).open(self.home.join("bench.log"))?;
        let child = Command::new(&self.vyr)
            .arg("node")
            .arg("--home")
            .arg(&self.home)
            .args(&self.args)
            .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start `{}`", self.vyr.display()))?;
        Ok(Node { child, home: self.home.clone() })
    }

    /// Starts the process and waits until it answers.
    pub(crate) fn start(&self) -> Result<Node> {
        let mut node = self.spawn()?;
        node.wait_ready()?;
        Ok(node)
    }
}

impl Node {
    /// Waits until the node takes connections.
    pub(crate) fn wait_ready(&mut self) -> Result<()> {
        let (socket, begun) = (self.home.join("vyr.sock"), Instant::now());
        while UnixStream::connect(&socket).is_err() {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(self.home.join("bench.log")).unwrap_or_default();
                bail!("the node ended ({status}): {}", log.lines().last().unwrap_or_default());
            }
            if begun.elapsed() > PATIENCE {
                bail!("the node does not answer");
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::new(Endpoint::local(&self.home), None)?)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Stops the node the ordinary way.
    pub(crate) fn stop(mut self) -> Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                bail!("the node does not stop");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
