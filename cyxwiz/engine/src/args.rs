use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cyxwiz_chain::Cluster;
use cyxwiz_chain::escrow::Address;

use crate::{cancel, dispute, estimate, jobs, login, logout, results, sessions, show, submit, wallet, watch};

/// Buy compute on other people's machines
#[derive(Parser)]
#[command(name = "cyxwiz", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Clone)]
pub(crate) struct Global {
    /// Chain: localnet, devnet or mainnet
    #[arg(long, global = true, env = "CYXWIZ_CLUSTER", default_value_t = Cluster::Localnet, value_name = "NAME")]
    pub(crate) cluster: Cluster,
    /// RPC address of that chain [default: its public one]
    #[arg(long, global = true, env = "CYXWIZ_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// RPC address of somebody else on that chain: what moves money counts only once both say so
    #[arg(long, global = true, env = "CYXWIZ_WITNESS_URL", value_name = "URL")]
    pub(crate) witness_url: Option<String>,
    /// How long that node may be behind, in seconds; after that the two disagree
    #[arg(
        long,
        global = true,
        env = "CYXWIZ_WITNESS_WAIT",
        default_value = "30",
        value_parser = seconds,
        value_name = "SECONDS"
    )]
    pub(crate) witness_wait: Duration,
    /// Address of the escrow program [default: the one known for the cluster]
    #[arg(long, global = true, env = "CYXWIZ_PROGRAM", value_name = "ADDRESS")]
    pub(crate) program: Option<Address>,
    /// Keypair file as solana-keygen writes it [default: ~/.config/solana/id.json]
    #[arg(long, global = true, env = "CYXWIZ_KEYPAIR", value_name = "FILE")]
    pub(crate) keypair: Option<PathBuf>,
    /// Address of the market's server
    #[arg(
        long,
        global = true,
        env = "CYXWIZ_SERVER",
        default_value = "http://127.0.0.1:8420",
        value_name = "URL"
    )]
    pub(crate) server: String,
    /// PEM file with a certificate authority to trust beside the public ones
    #[arg(long, global = true, env = "CYXWIZ_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Speak with a server on another machine without encryption
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) insecure_plaintext: bool,
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
    /// Show and move the money that pays for jobs
    #[command(subcommand)]
    Wallet(wallet::Verb),
    /// Sign in at the server with the keypair
    Login(login::Verb),
    /// End the session, or another one
    Logout(logout::Verb),
    /// List where this wallet is signed in
    Sessions(sessions::Verb),
    /// Say what a job would cost, and who could run it
    Estimate(estimate::Verb),
    /// Have a job run: a folder, a script or a Wasm program
    Submit(submit::Verb),
    /// Follow a job: states, output, progress, cost
    Watch(watch::Verb),
    /// List jobs, newest first
    Jobs(jobs::Verb),
    /// Show everything about a job
    Show(show::Verb),
    /// Fetch what a job made
    Results(results::Verb),
    /// Stop a job; what has not run comes back
    Cancel(cancel::Verb),
    /// Say that a job's result is wrong, before it is settled
    Dispute(dispute::Verb),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// The longest wait that can be asked for: nobody sits before a terminal for longer.
const LONGEST_WAIT: u64 = 600;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=LONGEST_WAIT).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| format!("a number from 1 to {LONGEST_WAIT} is needed"))
}

/// Names a job.
#[derive(Args)]
pub(crate) struct OneJob {
    /// Its id: job_ and 32 hex digits
    job: String,
}

impl OneJob {
    pub(crate) fn id(&self) -> Result<cyxwiz_model::JobId, crate::error::CliError> {
        let bad = |_| crate::error::CliError::NoJobId(self.job.chars().take(60).collect());
        self.job.parse().map_err(bad)
    }
}
