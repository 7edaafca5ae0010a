//! Solana's own test validator as a child process.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use cyxwiz_chain::Rpc;
use tokio::process::{Child, Command};

use crate::Run;
use crate::state::State;

/// It makes a ledger at its first start.
const READY: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(15);

pub(crate) struct Validator {
    child: Child,
}

impl Validator {
    pub(crate) async fn start(program: &Path, options: &Run, state: &State) -> Result<Self> {
        if options.rpc_port.checked_add(1) != Some(options.ws_port) {
            bail!(
                "solana-test-validator has its WebSocket one above its RPC port: take --ws-port {}",
                options.rpc_port.saturating_add(1)
            );
        }
        let log = std::fs::File::create(state.path("validator.log"))?;
        let child = Command::new(program)
            .arg("--ledger")
            .arg(state.path("ledger"))
            .args(["--rpc-port", &options.rpc_port.to_string(), "--bind-address", "127.0.0.1", "--quiet"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let mut validator = Self { child };
        let rpc = Rpc::new(&format!("http://127.0.0.1:{}", options.rpc_port));
        let start = Instant::now();
        while rpc.time().await.is_err() {
            if let Some(status) = validator.child.try_wait()? {
                bail!(
                    "solana-test-validator ended ({status}); see `{}`",
                    state.path("validator.log").display()
                );
            }
            if start.elapsed() > READY {
                bail!("solana-test-validator does not answer");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(validator)
    }

    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow!("solana-test-validator ended ({status})"),
            Err(error) => error.into(),
        }
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-INT", &pid.to_string()]).status().await?;
        }
        match tokio::time::timeout(STOP, self.child.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => self.child.kill().await.context("cannot end solana-test-validator"),
        }
    }
}
