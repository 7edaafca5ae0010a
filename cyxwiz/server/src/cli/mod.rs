//! The command line: one verb a module.

mod admin;
mod backup;
mod migrate;
mod output;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use vyr_telemetry::logs::{LogFormat, init};

use self::output::Output;
use crate::config::{Config, Settings};
use crate::refusal::chain_of;
use crate::{ServerError, config};

/// The Central Server of the market
#[derive(Debug, Parser)]
#[command(name = "cyxwiz-server", version)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    /// How data is printed
    #[arg(short, long, value_enum, default_value_t, global = true)]
    output: Output,
    /// How log lines look: human or json
    #[arg(long, env = "CYXWIZ_LOG_FORMAT", default_value = "human", value_parser = ["human", "json"], global = true)]
    log_format: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve buyers and nodes until told to stop
    Serve,
    /// Bring the database's tables up to date
    Migrate,
    /// Set prices and rates, pause, ban, inspect
    #[command(subcommand)]
    Admin(admin::AdminVerb),
    /// Make, list and restore backups
    #[command(subcommand)]
    Backup(backup::BackupVerb),
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
    let (output, quiet) = (cli.output, !matches!(cli.command, Command::Serve));
    log(&cli.log_format, quiet)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServerError::Said(format!("failed to start: {error}")))?;
    runtime.block_on(Box::pin(verb(cli.command, config, output)))
}

/// Log lines go to stderr: those of a server from `info` on, those of a verb from `warn` on, unless CYXWIZ_LOG says.
fn log(format: &str, quiet: bool) -> Result<(), ServerError> {
    let format = if format == "json" { LogFormat::Json } else { LogFormat::Human };
    let filter = std::env::var("CYXWIZ_LOG").ok();
    let filter = filter.unwrap_or_else(|| if quiet { "warn".into() } else { "info".into() });
    init(format, Some(&filter)).map_err(|error| ServerError::Said(error.to_string()))
}

async fn verb(command: Command, config: Config, output: Output) -> Result<(), ServerError> {
    match command {
        Command::Serve => serve::run(config).await,
        Command::Migrate => migrate::run(config).await,
        Command::Admin(verb) => admin::run(verb, config, output).await,
        Command::Backup(verb) => backup::run(verb, config, output).await,
        Command::Config => Ok(()),
    }
}
