//! `./x test`: guests, tools, a container engine, the `vyr` binary, then every test.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::cmd::{cargo, run as run_command};
use crate::containers::{self, Held};
use crate::demo;
use crate::devnet;
use crate::guests;
use crate::images::{self, Image};
use crate::place::{Place, on_path, path_with};
use crate::program;
use crate::steps::{Done, Steps};
use crate::tools::{apt, debian, python, rust, s3};

/// Which tests run.
#[derive(Args)]
pub(crate) struct Options {
    /// Also run the long suites (modules named `full`)
    #[arg(long)]
    full: bool,
    /// Arguments for nextest, such as a filter; nothing else is then tested
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
    // the box, whatever is there: the same chain everywhere, and one that a test can kill
    let chain = devnet::build(place, true)?;
    let held = containers::ensure(place)?;
    let python_image = images::ensure(place, &held.engine, Image::Python, false)?;
    // minutes and gigabytes, or the package index: for the long suites alone
    let long = options.full.then(|| long(place, &held)).transpose()?;
    let with_env = |mut command: Command| -> Result<Command> {
        command
            .env("PATH", path_with(std::slice::from_ref(&helpers))?)
            .env("CYXWIZ_BIN", place.binary("debug", "cyxwiz"))
            .env("CYXWIZ_DEVNET", &chain.binary)
            .env("CYXWIZ_ESCROW", &chain.program)
            .env("CYXWIZ_IMAGE_PYTHON", &python_image.id)
            .envs(containers::variables(&held.engine))
            .env("VYR_BIN", place.binary("debug", "vyr"))
            .env("VYR_GENERATE", &generator)
            .env("VYR_GUESTS", &guests)
            .env("VYR_PYTHON", &python.python)
            .env("VYR_ROTEL", &python.rotel)
            // else the folder at compile time, which may be another clone's with the same target folder
            .env("INSTA_WORKSPACE_ROOT", &place.root);
        if let Some(long) = &long {
            command.envs(long.iter().map(|(name, value)| (name, value)));
        }
        Ok(command)
    };
    let mut steps = Steps::default();
    // with the tests and their environment, so that everything is built once: features and what build scripts see are then the same
    steps.run("build", || {
        run_command(&mut with_env(cargo(&place.root, ["build", "--workspace", "--all-targets", "--locked"]))?)
    });
    if options.nextest.is_empty() {
        other_tests(place, options, &with_env, &mut steps);
        steps.run("the demo", || demo::check_fabric(place, &guests, &generator));
        if options.full {
            let vyr = place.binary("debug", "vyr");
            steps.try_run("guests by each compiler", || guests::check_routes(place, &vyr));
        }
    }
    steps.run("nextest", || {
        let profile = if options.full { "full" } else { "default" };
        let args = ["nextest", "run", "--workspace", "--profile", profile];
        let mut command = with_env(cargo(&place.root, args))?;
        if held.engine.namespace.is_none() {
            // they change the rules and addresses of the engine's network: never those of somebody's own machine
            command
                .args(["--filterset", "not (package(cyxwiz-sandbox) and test(/^egress::/) and kind(test))"]);
        }
        run_command(command.args(&options.nextest))
    });
    if options.full && options.nextest.is_empty() {
        steps.run("the market's demo", || {
            let known = [(Image::Python, python_image.id.clone())];
            demo::market::show(place, demo::Profile::Dev, &held.engine, &known)
        });
    }
    if held.engine.namespace.is_none() {
        let why = "they need the private engine, and another runs on this machine: stop it to run them";
        steps.try_run("network attacks", || Ok(Done::Skipped(why.to_owned())));
    }
    steps.finish()
}

/// What is tested by other means than nextest in the workspace.
fn other_tests(
    place: &Place,
    options: &Options,
    with_env: &impl Fn(Command) -> Result<Command>,
    steps: &mut Steps,
) {
    steps.run("tests of the guests' logic", || {
        let mut command = cargo(&place.workloads(), ["test", "--workspace", "--locked", "--quiet"]);
        run_command(command.env("CARGO_TARGET_DIR", place.target.join("workloads")))
    });
    steps.run("tests of the escrow's rules", || {
        let mut command = cargo(&place.escrow(), ["test", "--workspace", "--locked", "--quiet"]);
        run_command(command.env("CARGO_TARGET_DIR", place.target.join("escrow")))
    });
    steps.run("tests of the escrow program", || {
        let profile = if options.full { "full" } else { "default" };
        let args = ["nextest", "run", "--locked", "--profile", profile, "--config-file"];
        let mut command = with_env(cargo(&place.escrow().join("tests"), args))?;
        command.arg(place.root.join(".config/escrow.toml"));
        run_command(command.env("CARGO_TARGET_DIR", place.target.join("escrow")))
    });
    if options.full {
        steps.run("the escrow program by Solana's build-sbf", || {
            let built = program::solana::build(place)?;
            // what it costs is committed of the other bytes
            let args = ["nextest", "run", "--locked", "--config-file"];
            let mut command = with_env(cargo(&place.escrow().join("tests"), args))?;
            command
                .arg(place.root.join(".config/escrow.toml"))
                .args(["-E", "not test(costs_are_as_committed)"]);
            command.env("CYXWIZ_ESCROW_ELF", built);
            run_command(command.env("CARGO_TARGET_DIR", place.target.join("escrow")))
        });
    }
    if options.full {
        steps.try_run("the chain's client on solana-test-validator", || {
            if !on_path(devnet::VALIDATOR) {
                return Ok(Done::Skipped(format!("no {} on PATH", devnet::VALIDATOR)));
            }
            // all but what moves the box's clock or counts its blocks; one validator at a time has the usual ports
            let args = ["nextest", "run", "--workspace", "--locked", "--profile", "full", "-j1", "-E"];
            let mut command = with_env(cargo(&place.root, args))?;
            run_command(command.arg(ON_VALIDATOR).env("CYXWIZ_VALIDATOR", devnet::VALIDATOR))?;
            Ok(Done::Passed)
        });
    }
    steps.try_run("the committed escrow program", || {
        // Fetching that compiler takes minutes: `--full` does, the default run uses one that is there.
        let found = program::Toolchain::find(place);
        let toolchain = match found {
            None if options.full => Some(program::Toolchain::ensure(place)?),
            found => found,
        };
        match toolchain {
            Some(toolchain) => program::check(place, &toolchain),
            None => {
                program::check_sum(place)?;
                let why =
                    "only its sha256 was compared; no compiler for the chain here: `./x program` fetches one";
                Ok(Done::Skipped(why.to_owned()))
            }
        }
    });
    // after the step above: `--full` has fetched the compiler by now
    steps.try_run("coverage of the escrow's rules", || match program::Toolchain::find(place) {
        Some(toolchain) => program::coverage(place, &toolchain).map(|()| Done::Passed),
        None => Ok(Done::Skipped("no LLVM to read it with: `./x program` fetches one".to_owned())),
    });
    steps.run("doc tests", || {
        let command = cargo(&place.root, ["test", "--doc", "--workspace"]);
        run_command(&mut with_env(command)?)
    });
}

/// Every way of a job's money and every verb of the wallet, on Solana's own validator.
const ON_VALIDATOR: &str =
    "package(cyxwiz-chain) & (test(/^flow::/) | test(/^cli::money/)) & !test(after_the_deadline)";

/// What the long suites need besides, as variables.
fn long(place: &Place, held: &Held) -> Result<Vec<(&'static str, OsString)>> {
    let pytorch = images::ensure(place, &held.engine, Image::Pytorch, false)?;
    let proxpi = python::ensure(place, "index")?.join("bin/python");
    let mut set: Vec<(_, OsString)> = vec![
        ("CYXWIZ_IMAGE_PYTORCH", pytorch.id.into()),
        ("CYXWIZ_PROXPI", proxpi.into()),
        ("CYXWIZ_S3", s3::ensure(place)?.into()),
    ];
    match debian::program(place, "docker-registry") {
        Ok(registry) => set.push(("CYXWIZ_REGISTRY", registry.into())),
        Err(error) => eprintln!("no image is pulled from a registry here: {error:#}"),
    }
    Ok(set)
}
