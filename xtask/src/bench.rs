//! `./x bench`: release binaries, guests and peers, then `vyr-bench` with the arguments given. `./x bench market`: the
//! market's binaries, a chain, an engine and an image, then `vyr-bench market`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cmd::{cargo, cmd, output, run as run_command};
use crate::images::Image;
use crate::place::Place;
use crate::tools::wasmtime;
use crate::{containers, devnet, dist, distributions, guests, images};

/// What is measured.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Arguments for `vyr-bench fabric`, such as `--quick` or `--only warm,cold`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

#[derive(Subcommand)]
enum Verb {
    /// The market: server, nodes, buyers, chain
    Market {
        /// Arguments for `vyr-bench market`, such as `--quick` or `--only scale,placements`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    match &options.verb {
        None => fabric(place, &options.args),
        Some(Verb::Market { args }) => market(place, args),
    }
}

fn fabric(place: &Place, args: &[String]) -> Result<()> {
    let guests = guests::build(place)?;
    // the node is the very binary that `./x dist` ships: built apart, so that no feature comes with the bench
    dist::fabric(place)?;
    let mut bench = bench(place, "fabric", args)?;
    bench.env("VYR_BIN", place.binary("dist", "vyr")).env("VYR_GUESTS", guests);
    match wasmtime::ensure(place) {
        Ok(wasmtime) => drop(bench.env("VYR_BENCH_WASMTIME", wasmtime)),
        // a peer less is no reason to measure nothing
        Err(error) => eprintln!("no wasmtime to compare with: {error:#}"),
    }
    run_command(&mut bench)
}

fn market(place: &Place, args: &[String]) -> Result<()> {
    let binaries = [
        ("cyxwiz-server", "CYXWIZ_SERVER_BIN"),
        ("cyxwiz-node", "CYXWIZ_NODE_BIN"),
        ("cyxwiz", "CYXWIZ_BIN"),
    ];
    dist::market(place, true)?;
    let rules = rules(place)?;
    let chain = devnet::build(place, true)?;
    let held = containers::ensure(place)?;
    let python = images::ensure(place, &held.engine, Image::Python, false)?;
    let distributions = distributions::ensure(place);
    let mut bench = bench(place, "market", args)?;
    match distributions {
        Ok(trees) => drop(bench.env("CYXWIZ_BENCH_DISTRIBUTIONS", listed(&trees))),
        // a row less is no reason to measure nothing
        Err(error) => eprintln!("nodes are not installed on other distributions: {error:#}"),
    }
    for (file, variable) in binaries {
        bench.env(variable, place.binary("release", file));
    }
    bench
        .env("CYXWIZ_BENCH_RULES", rules)
        .env("CYXWIZ_DEVNET", &chain.binary)
        .env("CYXWIZ_ESCROW", &chain.program)
        .env("CYXWIZ_IMAGE_PYTHON", &python.id)
        .envs(containers::variables(&held.engine));
    run_command(&mut bench)
}

/// Paths in one variable.
fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(",")
}

/// What measures, built.
fn bench(place: &Place, what: &str, args: &[String]) -> Result<Command> {
    run_command(&mut cargo(&place.root, ["build", "--release", "--locked", "--package", "vyr-bench"]))?;
    let mut bench = cmd(place.binary("release", "vyr-bench"), [what]);
    bench.args(args).current_dir(&place.root);
    Ok(bench)
}

/// The tests of the market's rules, built: among them a million settlements.
fn rules(place: &Place) -> Result<PathBuf> {
    let mut command = cargo(&place.root, ["test", "--release", "--locked", "--package", "cyxwiz-model"]);
    command.args(["--test", "it", "--no-run", "--message-format", "json"]);
    let told = output(&mut command)?;
    let built = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let binary =
        built.filter_map(|message| Some(message.get("executable")?.as_str()?.to_owned())).next_back();
    Ok(binary.context("cargo built no test of the rules")?.into())
}
