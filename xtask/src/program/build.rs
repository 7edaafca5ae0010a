//! The build itself. Whatever could bring this machine's paths into the bytes is mapped away.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Toolchain;
use crate::cmd::{cargo, run};
use crate::place::Place;

/// The program's file.
pub(super) const NAME: &str = "cyxwiz_escrow.so";

pub(super) const TARGET: &str = "bpfel-unknown-none";

/// Unaligned loads are whole loads on the chain's processor. Version 0 of its instruction set, since version 3
/// begins constants at address 0, which Rust takes for no reference. Calls have frames of 4 KiB.
pub(super) const FLAGS: &[&str] = &[
    "-Ctarget-feature=+allows-misaligned-mem-access",
    "-Ctarget-cpu=v2",
    "-Cpanic=abort",
    "-Crelocation-model=static",
    "-Clink-arg=--arch=v0",
    "-Clink-arg=--llvm-args=-bpf-stack-size=4096",
    "-Clink-arg=--disable-math-builtins",
    // else the linker leaves a copy in the source tree
    "-Clink-arg=--deploy=false",
];

/// Builds the program and returns where it lies.
pub(super) fn build(place: &Place, toolchain: &Toolchain) -> Result<PathBuf> {
    let target = place.cache.join("escrow-target");
    let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    for (from, to) in [(cargo_home()?.join("registry/src"), "/deps"), (place.escrow(), "/escrow")] {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    }
    let args = ["build", "--release", "--locked", "--quiet", "-p", "cyxwiz-escrow", "--target", TARGET];
    let mut command = cargo(&place.escrow(), args);
    command
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env("RUSTC", toolchain.compiler())
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", toolchain.linker())
        .env_remove("RUSTC_WRAPPER");
    run(&mut command)?;
    Ok(target.join(TARGET).join("release/libcyxwiz_escrow.so"))
}

pub(super) fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        return Ok(PathBuf::from(home));
    }
    Ok(Path::new(&std::env::var_os("HOME").context("HOME is not set")?).join(".cargo"))
}
