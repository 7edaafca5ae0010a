//! The logic behind `./x`: one verb a file, tools installed lazily by the verb that needs them.
//!
//! ```text
//! x ─► xtask ─► verb ─► tools/   (apt, pip, npm, cargo: into the cache folder)
//!                   └─► containers/, images/  (an engine for tests, the images of jobs)
//!                   └─► guests/  (Wasm guests: rustup's targets, or Debian's compiler)
//!                   └─► cargo, buf, tar
//! ```

#[cfg(test)]
mod architecture;
mod bench;
mod check;
mod cmd;
mod containers;
mod demo;
mod devnet;
mod dist;
mod distributions;
mod fuzz;
mod guests;
mod images;
mod place;
mod program;
mod setup;
mod steps;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::place::Place;

/// Build, check, test and show this project
#[derive(Parser)]
#[command(name = "x", bin_name = "./x", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install every tool that the other verbs need
    Setup,
    /// Build the guest programs and print their folder
    Guests,
    /// Run format, lint, documentation, dependency and protocol checks
    Check,
    /// Run all tests
    Test(test::Options),
    /// Show the whole path: put, submit, observe
    Demo(demo::Options),
    /// Start a local Solana chain with the escrow program, a test USDC and funded wallets
    Devnet(devnet::Options),
    /// Start or stop the private container engine of tests and demos
    Containers(containers::Options),
    /// Build a job image: with its Dockerfile, or of Debian's packages where no registry answers
    Images(images::Options),
    /// Measure, side by side with what is there
    Bench(bench::Options),
    /// Fuzz what reads bytes from outside
    Fuzz(fuzz::Options),
    /// Build the escrow program for the chain
    Program(program::Options),
    /// Build release binaries and a tarball
    Dist,
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    let place = Place::find()?;
    match verb {
        Verb::Setup => setup::run(&place),
        Verb::Guests => {
            println!("{}", guests::build(&place)?.display());
            Ok(())
        }
        Verb::Check => check::run(&place),
        Verb::Test(options) => test::run(&place, &options),
        Verb::Demo(options) => demo::run(&place, &options),
        Verb::Devnet(options) => devnet::run(&place, &options),
        Verb::Containers(options) => containers::run(&place, &options),
        Verb::Images(options) => images::run(&place, &options),
        Verb::Bench(options) => bench::run(&place, &options),
        Verb::Fuzz(options) => fuzz::run(&place, &options),
        Verb::Program(options) => program::run(&place, &options),
        Verb::Dist => dist::run(&place),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
