//! The `wasmtime` command, a peer of the bench: built from source once, with what `run` and `compile` need.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::cmd::{cargo, run};
use crate::place::Place;

/// The version that the node embeds.
const VERSION: &str = "48.0.8";
/// What the node's own engine has, and the two verbs.
const FEATURES: &str = "run,compile,component-model,cranelift,parallel-compilation,pooling-allocator,gc-drc,threads,backtrace,addr2line,demangle";

/// Makes sure of the command and returns its path. Building it takes minutes.
pub(crate) fn ensure(place: &Place) -> Result<PathBuf> {
    let program = place.tools().join("bin/wasmtime");
    let list = fs::read_to_string(place.tools().join(".crates.toml")).unwrap_or_default();
    if program.is_file() && list.contains(&format!("\"wasmtime-cli {VERSION} (")) {
        return Ok(program);
    }
    eprintln!("building wasmtime-cli {VERSION} to compare with; this takes minutes, once");
    let args = ["install", "wasmtime-cli", "--version", VERSION, "--locked", "--no-default-features"];
    let mut command = cargo(&place.root, args);
    command.args(["--features", FEATURES, "--root"]).arg(place.tools());
    run(command.env_remove("CARGO_TARGET_DIR"))?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::VERSION;

    #[test]
    fn is_the_version_that_the_node_embeds() {
        let workspace = include_str!("../../../Cargo.toml");
        assert!(workspace.contains(&format!("wasmtime = {{ version = \"{VERSION}\"")));
    }
}
