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

/// From the RPC's port to the faucet's: 8899 and 9900.
const FAUCET_ABOVE: u16 = 1001;

/// `disable_sbpf_v0_v1_v2_deployment`. The validator begins with every feature it knows, this one too; the main
/// network has it not, and takes programs of version 0.
const NOT_ON_MAINNET: &str = "B8JJXCy5amZyWG9r7EnUYLwzXSXTxG7GZ1qZ1qggo83g";

pub(crate) struct Validator {
    child: Child,
}

/// A call of the program that ends with this process, however that ends: a validator that stays behind keeps its
/// ports. Elsewhere than on Linux nothing can promise that.
fn bound_to_us(program: &Path) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Validator {
    pub(crate) async fn start(program: &Path, options: &Run, state: &State) -> Result<Self> {
        if options.rpc_port.checked_add(1) != Some(options.ws_port) {
            bail!(
                "solana-test-validator has its WebSocket one above its RPC port: take --ws-port {}",
                options.rpc_port.saturating_add(1)
            );
        }
        // its usual one, where the RPC's is the usual one
        let faucet = options.rpc_port.checked_add(FAUCET_ABOVE).context("take a lower --rpc-port")?;
        let log = std::fs::File::create(state.path("validator.log"))?;
        let child = bound_to_us(program)
            .arg("--ledger")
            .arg(state.path("ledger"))
            .args(["--rpc-port", &options.rpc_port.to_string(), "--bind-address", "127.0.0.1", "--quiet"])
            .args(["--faucet-port", &faucet.to_string(), "--deactivate-feature", NOT_ON_MAINNET])
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
