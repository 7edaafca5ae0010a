//! A local Solana chain with the escrow program, a test USDC and funded wallets.
//!
//! ```text
//! run ─► State (folder, lock) ─► chain: validator (solana-test-validator) or boxed (LiteSVM by surfpool)
//!                            └─► setup: wallets, deploy by the loader, init, mint, allow, fund ─► Report
//! stop ─► the process that holds the lock
//! ```
//! Everything in `setup` goes through JSON-RPC and real transactions, whichever chain answers.

#[cfg(feature = "box")]
mod boxed;
mod chain;
mod deploy;
mod report;
mod setup;
mod state;
mod validator;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::chain::Chain;
use crate::report::Report;
use crate::state::{Opened, State};

/// A local Solana chain with the escrow program, a test USDC and funded wallets
#[derive(Parser)]
#[command(name = "cyxwiz-devnet", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start the chain, and set up what is missing; runs until it is stopped
    Run(Run),
    /// Stop the chain that runs on a state folder
    Stop {
        /// The folder
        #[arg(long)]
        state: PathBuf,
    },
}

/// How the report is printed.
#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Human,
    Json,
}

#[derive(Args)]
pub(crate) struct Run {
    /// The folder that holds the chain and the wallets
    #[arg(long)]
    state: PathBuf,
    /// The built escrow program
    #[arg(long)]
    program: PathBuf,
    /// Port of JSON-RPC
    #[arg(long, default_value_t = 8899)]
    rpc_port: u16,
    /// Port of the WebSocket
    #[arg(long, default_value_t = 8900)]
    ws_port: u16,
    /// Milliseconds between two blocks, from 10 to 2000; only for the chain in a box
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(10..=2000))]
    slot_ms: u64,
    /// `solana-test-validator` to use in place of the chain in a box
    #[arg(long)]
    validator: Option<PathBuf>,
    /// How the addresses are printed
    #[arg(short, long, value_enum, default_value = "human")]
    output: Output,
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Run(options) => run(&options),
        Verb::Stop { state } => state::stop(&state).map(|()| eprintln!("stopped")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Run) -> Result<()> {
    let state = match State::open(&options.state)? {
        Opened::Ours(state) => state,
        Opened::Running(report) => {
            eprintln!("runs already on {}", options.state.display());
            return report.print(options.output);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(serve(options, &state))?;
    // threads of the chain in a box may still sleep; nothing of theirs is left to do
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(())
}

async fn serve(options: &Run, state: &State) -> Result<()> {
    let mut stopped = std::pin::pin!(stop_signal());
    let mut chain = Chain::start(options, state).await?;
    let kind = chain.kind();
    let prepared = tokio::select! {
        report = prepare(options, state, kind) => report,
        error = chain.ended() => Err(error),
        () = &mut stopped => { chain.stop().await?; return Ok(()); }
    };
    let waited = match prepared {
        Ok(report) => {
            state.announce(&report)?;
            report.print(options.output)?;
            eprintln!("Ctrl-C stops it");
            tokio::select! {
                error = chain.ended() => Err(error),
                () = stopped => Ok(()),
            }
        }
        Err(error) => Err(error),
    };
    chain.stop().await.and(waited)
}

async fn prepare(options: &Run, state: &State, chain: &'static str) -> Result<Report> {
    let elf = std::fs::read(&options.program)
        .with_context(|| format!("cannot read the program `{}`", options.program.display()))?;
    setup::run(state, chain, options.rpc_port, options.ws_port, &elf).await
}

async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(interrupt.await),
    }
}
