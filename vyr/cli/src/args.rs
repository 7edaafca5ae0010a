use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{artifact, bench, doctor, key, metrics, node, run, state, task, traces};

/// Run signed, digest-addressed Wasm artifacts with ephemeral state and a trace of every step
#[derive(Parser)]
#[command(name = "vyr", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Clone)]
pub(crate) struct Global {
    /// Folder in which the node keeps everything [default: the user's data folder]
    #[arg(long, global = true, env = "VYR_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Node to talk to: `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT` [default: the home's socket]
    #[arg(long, global = true, env = "VYR_NODE", value_name = "ENDPOINT")]
    pub(crate) node: Option<String>,
    /// File with the node's token, for TCP [default: `token` in the home]
    #[arg(long, global = true, env = "VYR_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificate (PEM) that the node's TLS must chain to
    #[arg(long, global = true, env = "VYR_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Form of what is printed on stdout; what a guest wrote (`run`, `task logs`) passes as it is
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one JSON value, or one a line for streams
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start the node: the one process that everything else talks to
    Node(node::Verb),
    /// Run a Wasm file or a stored artifact, with this terminal's stdin, stdout and exit code
    Run(run::Verb),
    /// Put, sign, verify and list artifacts
    #[command(subcommand)]
    Artifact(artifact::Verb),
    /// Submit, watch and cancel tasks
    #[command(subcommand)]
    Task(task::Verb),
    /// Create and bind ephemeral state
    #[command(subcommand)]
    State(state::Verb),
    /// Stream traces
    #[command(subcommand)]
    Traces(traces::Verb),
    /// Stream metrics
    #[command(subcommand)]
    Metrics(metrics::Verb),
    /// Make, trust and revoke signing keys
    #[command(subcommand)]
    Key(key::Verb),
    /// Measure how long a task that does nothing takes on the node
    Bench(bench::Verb),
    /// Check this machine and the node, and say what to mend
    Doctor(doctor::Verb),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}
