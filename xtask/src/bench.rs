//! `./x bench`: release binary and guests, then `vyr bench` with the arguments given.

use anyhow::Result;
use clap::Args;

use crate::cmd::{cargo, cmd, run as run_command};
use crate::guests;
use crate::place::Place;

/// What is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Arguments for `vyr bench`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let guests = guests::build(place)?;
    let build = ["build", "--release", "--package", "vyr-cli"];
    run_command(&mut cargo(&place.root, build))?;
    let mut bench = cmd(place.binary("release", "vyr"), ["bench"]);
    run_command(bench.args(&options.args).current_dir(&place.root).env("VYR_GUESTS", guests))
}
