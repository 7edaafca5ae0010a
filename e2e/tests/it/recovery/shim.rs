//! Libraries that stand before libc in a node.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles one; returns its file.
pub(super) fn build(dir: &Path, source: &str) -> PathBuf {
    let (file, shim) = (dir.join("shim.c"), dir.join("shim.so"));
    fs::write(&file, source).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(&file).status();
    assert!(built.unwrap().success(), "cc builds the shim");
    shim
}
