//! `./x bench`: release binaries, guests and peers, then `vyr-bench` with the arguments given.

use anyhow::Result;
use clap::Args;

use crate::cmd::{cargo, cmd, run as run_command};
use crate::place::Place;
use crate::tools::wasmtime;
use crate::{dist, guests};

/// What is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Arguments for `vyr-bench`, such as `--quick` or `--only warm,cold`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let guests = guests::build(place)?;
    // the node is the very binary that `./x dist` ships: built apart, so that no feature comes with the bench
    dist::build(place, dist::VYR)?;
    run_command(&mut cargo(&place.root, ["build", "--release", "--locked", "--package", "vyr-bench"]))?;
    let mut bench = cmd(place.binary("release", "vyr-bench"), &options.args);
    bench.current_dir(&place.root).env("VYR_BIN", place.binary("dist", "vyr")).env("VYR_GUESTS", guests);
    match wasmtime::ensure(place) {
        Ok(wasmtime) => drop(bench.env("VYR_BENCH_WASMTIME", wasmtime)),
        // a peer less is no reason to measure nothing
        Err(error) => eprintln!("no wasmtime to compare with: {error:#}"),
    }
    run_command(&mut bench)
}
