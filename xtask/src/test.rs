//! `./x test`: guests, tools, the `vyr` binary, then every test.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::cmd::{cargo, run as run_command};
use crate::devnet;
use crate::guests;
use crate::place::{Place, path_with};
use crate::steps::Steps;
use crate::tools::{apt, python, rust};

/// Which tests run.
#[derive(Args)]
pub(crate) struct Options {
    /// Also run the long suites (modules named `full`)
    #[arg(long)]
    full: bool,
    /// Arguments for nextest, such as a filter
    #[arg(last = true)]
    nextest: Vec<String>,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    apt::ensure(apt::FOR_TESTS)?;
    apt::ensure_static_busybox()?;
    let helpers = rust::helpers(place)?;
    let python = python::for_tests(place)?;
    let guests = guests::build(place)?;
    let generator = guests::generator(place)?;
    let chain = devnet::build(place)?;
    let with_env = |mut command: Command| -> Result<Command> {
        command
            .env("PATH", path_with(std::slice::from_ref(&helpers))?)
            .env("CYXWIZ_BIN", place.binary("debug", "cyxwiz"))
            .env("CYXWIZ_DEVNET", &chain.binary)
            .env("CYXWIZ_ESCROW", &chain.program)
            .env("VYR_BIN", place.binary("debug", "vyr"))
            .env("VYR_GENERATE", &generator)
            .env("VYR_GUESTS", &guests)
            .env("VYR_PYTHON", &python.python)
            .env("VYR_ROTEL", &python.rotel);
        if options.full {
            command.env("VYR_FULL", "1");
        }
        Ok(command)
    };
    let mut steps = Steps::default();
    // with the tests, so that dependencies are built once: features of both are then the same
    steps.run("build", || {
        run_command(&mut cargo(&place.root, ["build", "--workspace", "--all-targets", "--locked"]))
    });
    steps.run("tests of the guests' logic", || {
        let mut command = cargo(&place.workloads(), ["test", "--workspace", "--locked", "--quiet"]);
        run_command(command.env("CARGO_TARGET_DIR", place.target.join("workloads")))
    });
    steps.run("doc tests", || {
        let command = cargo(&place.root, ["test", "--doc", "--workspace"]);
        run_command(&mut with_env(command)?)
    });
    steps.run("nextest", || {
        let profile = if options.full { "full" } else { "default" };
        let args = ["nextest", "run", "--workspace", "--profile", profile];
        let mut command = with_env(cargo(&place.root, args))?;
        run_command(command.args(&options.nextest))
    });
    steps.finish()
}
