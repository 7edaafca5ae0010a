//! The escrow program for the chain: built the same, byte for byte, wherever the same compiler is.
//!
//! ```text
//! route ─► debian: an upstream compiler with the BPF target and a linker, in the cache ─► the committed bytes
//!      └─► solana: `cargo build-sbf`, when asked for: the same source, other bytes
//! build ─► programs/escrow/artifact/cyxwiz_escrow.so, .so.sha256, toolchain.txt
//! coverage: of the rules by their own tests, read by that toolchain's LLVM
//! ```

mod build;
mod coverage;
pub(crate) mod solana;
mod toolchain;

use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cmd::{cmd, succeeds};
use crate::place::Place;
use crate::steps::Done;
pub(crate) use coverage::report as coverage;
pub(crate) use toolchain::Toolchain;

/// What is done with the built program.
#[derive(Args)]
pub(crate) struct Options {
    /// Compare with the committed program instead of writing it
    #[arg(long)]
    check: bool,
    /// Build with Solana's own `cargo build-sbf` into the cache; the committed program stays
    #[arg(long, conflicts_with = "check")]
    solana: bool,
    /// Print how much of the program's rules their tests reach, and build nothing
    #[arg(long, conflicts_with_all = ["check", "solana"])]
    coverage: bool,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    if options.solana {
        println!("{}", solana::build(place)?.display());
        return Ok(());
    }
    let toolchain = Toolchain::ensure(place)?;
    if options.coverage {
        return coverage::report(place, &toolchain);
    }
    if options.check {
        return match check(place, &toolchain)? {
            Done::Passed | Done::Noted(_) => Ok(()),
            Done::Skipped(why) => bail!("{why}"),
        };
    }
    let built = build::build(place, &toolchain)?;
    let artifact = place.escrow().join("artifact");
    fs::create_dir_all(&artifact)?;
    fs::copy(&built, artifact.join(build::NAME)).context("cannot copy the program")?;
    fs::write(artifact.join("toolchain.txt"), toolchain.describe()?)?;
    let sum = crate::cmd::output(cmd("sha256sum", [build::NAME]).current_dir(&artifact))?;
    fs::write(artifact.join(format!("{}.sha256", build::NAME)), &sum)?;
    print!("{sum}");
    Ok(())
}

/// Compares the committed program with its committed sha256: that wants no compiler.
pub(crate) fn check_sum(place: &Place) -> Result<()> {
    let sums = format!("{}.sha256", build::NAME);
    let mut check = cmd("sha256sum", ["--check", "--status", &sums]);
    if !succeeds(check.current_dir(place.escrow().join("artifact"))) {
        bail!("the committed program is not the one of its sha256");
    }
    Ok(())
}

/// Builds anew and compares with what is committed; says so where another compiler makes that pointless.
pub(crate) fn check(place: &Place, toolchain: &Toolchain) -> Result<Done> {
    check_sum(place)?;
    let artifact = place.escrow().join("artifact");
    let committed = fs::read_to_string(artifact.join("toolchain.txt")).context("no toolchain.txt")?;
    if committed != toolchain.describe()? {
        return Ok(Done::Skipped("the committed program is of another compiler".to_owned()));
    }
    let built = fs::read(build::build(place, toolchain)?)?;
    if built != fs::read(artifact.join(build::NAME))? {
        bail!("the source does not give the committed program: run `./x program` and commit");
    }
    eprintln!("   the source gives the committed program, byte for byte");
    Ok(Done::Passed)
}
