//! `./x check`: the gate without the tests. Every step runs; the summary says which failed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::cmd::{cargo, cmd, run as run_command, succeeds};
use crate::devnet;
use crate::place::{Place, path_with};
use crate::steps::{Done, Steps};
use crate::tools::{npm, rust};

/// `-D warnings` in the form in which cargo's clippy hands it to its driver.
const DENY_WARNINGS: &str = "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";
/// How long the advisory database may take to arrive.
const FETCH_SECONDS: &str = "60";

pub(crate) fn run(place: &Place) -> Result<()> {
    ensure_components(place);
    let mut steps = Steps::default();
    rust_steps(place, &mut steps);
    dependency_steps(place, &mut steps);
    proto_steps(place, &mut steps);
    steps.finish()
}

/// A minimal toolchain lacks these; where rustup cannot fetch them, the steps themselves will say so.
fn ensure_components(place: &Place) {
    for (verb, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !succeeds(&mut cargo(&place.root, [verb, "--version"])) {
            eprintln!("installing {component} (rustup)");
            succeeds(&mut cmd("rustup", ["component", "add", component]));
        }
    }
}

fn rust_steps(place: &Place, steps: &mut Steps) {
    let workloads = place.workloads();
    let fmt = ["fmt", "--all", "--check"];
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.run("format", || run_command(&mut cargo(&place.root, fmt)));
    steps.run("format (guests)", || run_command(&mut cargo(&workloads, fmt)));
    steps.run("format (local chain)", || run_command(&mut cargo(&devnet::folder(place), fmt)));
    steps.run("clippy", || run_command(&mut cargo(&place.root, clippy)));
    escrow_steps(place, steps);
    // For this machine, not for Wasm: the guests' compiler may have no clippy, and their code is the same.
    steps.run("clippy (guests)", || {
        let target = place.target.join("workloads");
        run_command(cargo(&workloads, clippy).env("CARGO_TARGET_DIR", target))
    });
    // By a build and not by a check: its thousand crates are built for the tests anyway, and only once.
    steps.run("clippy (local chain)", || {
        let mut command = cargo(&devnet::folder(place), ["build", "--locked"]);
        command.env("CARGO_TARGET_DIR", place.cache.join("devnet-target")).env("CLIPPY_ARGS", DENY_WARNINGS);
        run_command(command.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver"))
    });
    steps.run("rustdoc", || {
        let args = ["doc", "--workspace", "--no-deps", "--quiet"];
        run_command(cargo(&place.root, args).env("RUSTDOCFLAGS", "-D warnings"))
    });
}

/// The escrow program's two workspaces, its own and that of its tests.
fn escrow_steps(place: &Place, steps: &mut Steps) {
    let folders = [place.escrow(), place.escrow().join("tests")];
    let each = |args: &[&str]| -> Result<()> {
        folders.iter().try_for_each(|dir| {
            run_command(cargo(dir, args).env("CARGO_TARGET_DIR", place.target.join("escrow")))
        })
    };
    steps.run("format (escrow)", || each(&["fmt", "--all", "--check"]));
    steps.run("clippy (escrow)", || {
        each(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    });
    steps.run("rustdoc (escrow)", || {
        let args = ["doc", "--workspace", "--no-deps", "--quiet", "--locked"];
        let mut command = cargo(&place.escrow(), args);
        command.env("CARGO_TARGET_DIR", place.target.join("escrow"));
        run_command(command.env("RUSTDOCFLAGS", "-D warnings"))
    });
}

fn dependency_steps(place: &Place, steps: &mut Steps) {
    let helpers = rust::helpers(place);
    let helper = |args: &[&str], program: &str| -> Result<()> {
        let dir = helpers.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let mut command = cmd(dir.join(program), args);
        run_command(command.current_dir(&place.root).env("PATH", path_with(std::slice::from_ref(dir))?))
    };
    steps.run("licences, bans, sources", || {
        let args = ["--workspace", "check", "bans", "licenses", "sources"];
        helper(&args, "cargo-deny")
    });
    let of_workspace = |manifest: &str| -> Result<()> {
        let graph = ["--manifest-path", manifest, "--workspace"];
        let check = ["--config", "deny.toml", "check", "bans", "licenses", "sources"];
        helper(&[graph.as_slice(), check.as_slice()].concat(), "cargo-deny")
    };
    steps.run("licences, bans (guests)", || of_workspace("workloads/Cargo.toml"));
    steps.run("licences, bans (escrow)", || {
        of_workspace("programs/escrow/Cargo.toml")?;
        of_workspace("programs/escrow/tests/Cargo.toml")
    });
    steps.run("licences, bans (local chain)", || {
        let graph = ["--manifest-path", "devnet/Cargo.toml"];
        let check = ["--config", "devnet/deny.toml", "check", "bans", "licenses", "sources"];
        helper(&[graph.as_slice(), check.as_slice()].concat(), "cargo-deny")
    });
    steps.try_run("advisories", || {
        let dir = helpers.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let mut fetch = cmd("timeout", [FETCH_SECONDS]);
        fetch.arg(dir.join("cargo-deny")).args(["fetch", "db"]);
        if !succeeds(fetch.current_dir(&place.root)) {
            let why = "the RustSec database cannot be fetched from here";
            return Ok(Done::Skipped(why.to_owned()));
        }
        helper(&["--workspace", "check", "advisories"], "cargo-deny").map(|()| Done::Passed)
    });
    steps.run("unused dependencies", || helper(&["shear"], "cargo-shear"));
}

fn proto_steps(place: &Place, steps: &mut Steps) {
    let buf = npm::buf(place);
    let run_buf = |args: &[&str]| -> Result<()> {
        let program = buf.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        run_command(cmd(program, args).current_dir(&place.root))
    };
    steps.run("buf lint", || run_buf(&["lint", "proto"]));
    steps.run("buf format", || run_buf(&["format", "proto", "--diff", "--exit-code"]));
    steps.run("buf breaking", || {
        for image in frozen_images(place)? {
            let image = image.to_string_lossy();
            run_buf(&["breaking", "proto", "--against", &image])?;
        }
        Ok(())
    });
}

/// The image of what is frozen and can never be absent: without it nothing guards the Control API.
const FROZEN: &str = "proto/frozen/vyr.control.v0.binpb";

fn frozen_images(place: &Place) -> Result<Vec<PathBuf>> {
    let control = place.root.join(FROZEN);
    ensure!(
        control.is_file(),
        "`{FROZEN}` is missing: restore it, since it is what the Control API is compared with"
    );
    let dir = place.root.join("proto/frozen");
    let mut images = Vec::new();
    for entry in fs::read_dir(&dir).context("cannot list proto/frozen")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "binpb") {
            images.push(path);
        }
    }
    images.sort();
    Ok(images)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_the_frozen_image_fails() {
        let place = Place::find().unwrap();
        assert_eq!(frozen_images(&place).unwrap(), [place.root.join(FROZEN)]);
        let without = Place { root: place.root.join("docs"), ..place };
        assert!(frozen_images(&without).unwrap_err().to_string().contains("vyr.control.v0.binpb"));
    }
}
