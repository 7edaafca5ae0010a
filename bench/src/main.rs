//! `vyr-bench`: measures the real node, as a process of its own, through the Control API, and its
//! peers in the same run; `vyr-bench market` measures the market (see `market`).
//!
//! ```text
//! main ─► market ─► a platform, sellers, buyers: every part a real process
//!    └──► suite ─► Lab ─► Node (a `vyr node` process) ◄── Client, Watcher: submit → terminal
//!            │     └───► Artifacts (signed, each with bytes of its own)
//!            ├──► measure/  one class or load a file
//!            ├──► peers/    wasmtime, runc, docker, and wasmtime in this process: the limit
//!            └──► report ─► bench/results/*.json, *.md
//! ```
//! Progress goes to stderr, the Markdown table to stdout.

mod artifact;
mod breakdown;
mod goals;
mod lab;
mod machine;
mod market;
mod measure;
mod metrics;
mod node;
mod options;
mod peers;
mod report;
mod run_options;
mod samples;
mod sink;
mod suite;
mod watcher;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measure the fabric or the market
#[derive(Parser)]
#[command(name = "vyr-bench")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure a VYR node, and its peers beside it
    Fabric(options::Options),
    /// Measure the market: server, nodes, buyers, chain
    Market(market::Options),
}

fn main() -> ExitCode {
    let measured = match Cli::parse().what {
        What::Fabric(options) => suite::run(&options),
        What::Market(options) => market::run(&options),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
