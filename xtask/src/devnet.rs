//! `./x devnet`: a Solana chain on this machine. Solana's own test validator where there is one, else a box.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::cmd::{cargo, cmd, run as run_command};
use crate::place::{Place, on_path};

/// Solana's own.
pub(crate) const VALIDATOR: &str = "solana-test-validator";

/// Where it runs, and what it prints.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The folder that holds the chain and the wallets [default: in the cache]
    #[arg(long, global = true)]
    state: Option<PathBuf>,
    /// Port of JSON-RPC
    #[arg(long, default_value_t = 8899)]
    rpc_port: u16,
    /// Port of the WebSocket
    #[arg(long, default_value_t = 8900)]
    ws_port: u16,
    /// Milliseconds between two blocks of the box
    #[arg(long, default_value_t = 400)]
    slot_ms: u64,
    /// How the addresses are printed: human or json
    #[arg(short, long, default_value = "human")]
    output: String,
}

#[derive(Subcommand)]
enum Verb {
    /// Stop the chain that runs on the state folder
    Stop,
}

/// What starts a chain.
pub(crate) struct Devnet {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// The built escrow program.
    pub(crate) program: PathBuf,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let devnet = build(place, !on_path(VALIDATOR))?;
    let state = options.state.clone().unwrap_or_else(|| place.cache.join("devnet"));
    let mut command = cmd(&devnet.binary, [] as [&str; 0]);
    match options.verb {
        Some(Verb::Stop) => command.arg("stop").arg("--state").arg(state),
        None => {
            command.arg("run").arg("--state").arg(state).arg("--program").arg(&devnet.program);
            for (flag, value) in [
                ("--rpc-port", options.rpc_port.to_string()),
                ("--ws-port", options.ws_port.to_string()),
                ("--slot-ms", options.slot_ms.to_string()),
                ("--output", options.output.clone()),
            ] {
                command.args([flag, &value]);
            }
            if on_path(VALIDATOR) {
                command.args(["--validator", VALIDATOR]);
            }
            &mut command
        }
    };
    become_it(command)
}

/// Builds what starts a chain. With the box the first time takes minutes, for a thousand crates; they are kept in
/// the cache.
pub(crate) fn build(place: &Place, with_box: bool) -> Result<Devnet> {
    let target = place.cache.join("devnet-target");
    if !target.is_dir() {
        eprintln!("building the local chain; the first time takes minutes");
    }
    let mut args = vec!["build", "--locked"];
    if !with_box {
        args.push("--no-default-features");
    }
    let mut command = cargo(&folder(place), args);
    run_command(command.env("CARGO_TARGET_DIR", &target)).context("cannot build the local chain")?;
    let program = place.root.join("programs/escrow/artifact/cyxwiz_escrow.so");
    Ok(Devnet { binary: target.join("debug/cyxwiz-devnet"), program })
}

/// Its workspace.
pub(crate) fn folder(place: &Place) -> PathBuf {
    place.root.join("devnet")
}

/// Signals and exit code are the chain's own from here on.
#[cfg(unix)]
fn become_it(mut command: std::process::Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start `{}`", Path::new(command.get_program()).display()))
}

#[cfg(not(unix))]
fn become_it(mut command: std::process::Command) -> Result<()> {
    run_command(&mut command)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Options;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_ports_are_those_that_solana_s_tools_expect() {
        let options = Cli::parse_from(["devnet"]).options;
        assert_eq!((options.rpc_port, options.ws_port, options.state), (8899, 8900, None));
    }
}
