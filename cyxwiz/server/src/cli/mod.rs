//! The command line: one verb a module.

mod migrate;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Settings};
use crate::refusal::chain_of;
use crate::{ServerError, config};

/// The Central Server of the market
#[derive(Debug, Parser)]
#[command(name = "cyxwiz-server", version)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve buyers and nodes until told to stop
    Serve,
    /// Bring the database's tables up to date
    Migrate,
    /// Print the configuration as it counts, as a file
    Config,
}

/// Runs the binary. Exit codes: 0 done, 1 failed, 2 the command line or configuration is wrong.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {}", chain_of(&error));
            match error {
                ServerError::Config(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(cli: Cli) -> Result<(), ServerError> {
    let config = config::Config::load(cli.settings)?;
    if matches!(cli.command, Command::Config) {
        anstream::print!("{}", config.shown());
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServerError::Said(format!("failed to start: {error}")))?;
    runtime.block_on(verb(cli.command, config))
}

async fn verb(command: Command, config: Config) -> Result<(), ServerError> {
    match command {
        Command::Serve => serve::run(config).await,
        Command::Migrate => migrate::run(config).await,
        Command::Config => Ok(()),
    }
}
