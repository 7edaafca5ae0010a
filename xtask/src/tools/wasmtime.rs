//! The `wasmtime` command, a peer of the bench: built from source once, with what `run` and `compile` need.

use std::path::PathBuf;

use anyhow::Result;

use super::rust::{self, Program};
use crate::place::Place;

/// Of the version that the node embeds, with what the node's own engine has, and the two verbs.
const WASMTIME: Program = Program {
    package: "wasmtime-cli",
    version: "48.0.8",
    file: "wasmtime",
    what_for: "to compare with",
    flags: &[
        "--no-default-features",
        "--features",
        "run,compile,component-model,cranelift,parallel-compilation,pooling-allocator,gc-drc,threads,backtrace,addr2line,demangle",
    ],
};

/// Makes sure of the command and returns its path. Building it takes minutes.
pub(crate) fn ensure(place: &Place) -> Result<PathBuf> {
    rust::program(place, &WASMTIME)
}

#[cfg(test)]
mod tests {
    use super::WASMTIME;

    #[test]
    fn is_the_version_that_the_node_embeds() {
        let workspace = include_str!("../../../Cargo.toml");
        assert!(workspace.contains(&format!("wasmtime = {{ version = \"{}\"", WASMTIME.version)));
    }
}
