use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cyxwiz_chain::Cluster;
use cyxwiz_chain::escrow::Address;

use crate::wallet;

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
    /// Address of the escrow program [default: the one known for the cluster]
    #[arg(long, global = true, env = "CYXWIZ_PROGRAM", value_name = "ADDRESS")]
    pub(crate) program: Option<Address>,
    /// Keypair file as solana-keygen writes it [default: ~/.config/solana/id.json]
    #[arg(long, global = true, env = "CYXWIZ_KEYPAIR", value_name = "FILE")]
    pub(crate) keypair: Option<PathBuf>,
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
}
