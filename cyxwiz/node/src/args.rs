use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sell this machine's spare compute
#[derive(Parser)]
#[command(name = "cyxwiz-node", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Clone)]
pub(crate) struct Global {
    /// Folder in which the node keeps everything [default: ~/.local/share/cyxwiz-node]
    #[arg(long, global = true, env = "CYXWIZ_NODE_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Form of what is printed on stdout
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one JSON value, amounts in base units
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make the node, or change it: key, configuration, benchmark, service
    Install(Box<InstallArgs>),
    /// Remove the service, and with --purge everything
    Uninstall(UninstallArgs),
    /// Run the agent in the foreground
    Run(RunArgs),
    /// Take no new work; what runs goes on
    Pause,
    /// Take work again
    Resume,
    /// Show the node: what it has, what it does, what the server says of it
    Status,
    /// List what the node earned
    Earnings(EarningsArgs),
}

#[derive(Args)]
pub(crate) struct InstallArgs {
    /// The market's server [default: http://127.0.0.1:8420]
    #[arg(long, env = "CYXWIZ_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// PEM file with a certificate authority to trust beside the public ones
    #[arg(long, env = "CYXWIZ_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Solana address that is paid
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) wallet: Option<String>,
    /// Name of the node, for people [default: the machine's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Least price of an hour, dollars [default: 0.10]
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) min_price: Option<String>,
    /// When it takes work: on, off, or hours in UTC such as `mon-fri 22:00-06:00, sat 00:00-24:00`
    #[arg(long, value_name = "WHEN")]
    pub(crate) availability: Option<String>,
    /// Processor jobs at once
    #[arg(long, value_name = "COUNT")]
    pub(crate) cpu_slots: Option<u32>,
    /// Processors for jobs [default: all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) cpus: Option<f64>,
    /// Memory for jobs, MiB [default: four fifths]
    #[arg(long, value_name = "MIB")]
    pub(crate) memory: Option<u64>,
    /// Disk for jobs, MiB [default: four fifths of what is free]
    #[arg(long, value_name = "MIB")]
    pub(crate) disk: Option<u64>,
    /// Take Wasm programs alone, no containers
    #[arg(long)]
    pub(crate) no_containers: bool,
    /// Socket of the container engine [default: DOCKER_HOST, else the usual places]
    #[arg(long, value_name = "PATH")]
    pub(crate) container_socket: Option<PathBuf>,
    /// Package index for jobs' requirements [default: PIP_INDEX_URL where the agent runs, else pip's own]
    #[arg(long, value_name = "URL")]
    pub(crate) package_index: Option<String>,
    /// Write no systemd unit
    #[arg(long)]
    pub(crate) no_service: bool,
    /// Do not speak to the server now: the agent enrols when it runs
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Args)]
pub(crate) struct UninstallArgs {
    /// Remove key, configuration, journal and everything else of the node, too
    #[arg(long)]
    pub(crate) purge: bool,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// Form of the log on stderr
    #[arg(long, value_enum, default_value_t = Log::Human)]
    pub(crate) log_format: Log,
    /// What to log, such as `info` or `cyxwiz_node=debug` [default: VYR_LOG, else info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// OpenTelemetry collector for spans [default: OTEL_EXPORTER_OTLP_ENDPOINT, else none]
    #[arg(long, env = "CYXWIZ_OTLP_ENDPOINT", value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Log {
    Human,
    Json,
}

#[derive(Args)]
pub(crate) struct EarningsArgs {
    /// How many, newest first
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}
