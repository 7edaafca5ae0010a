//! Programs from npm packages, in the cache.

use std::path::PathBuf;

use anyhow::Result;

use super::apt;
use crate::cmd::{cmd, output, run};
use crate::place::Place;

const BUF: &str = "1.75.0";

/// Makes sure of `buf` and returns its path.
pub(crate) fn buf(place: &Place) -> Result<PathBuf> {
    let dir = place.tools().join(format!("buf-{BUF}"));
    let program = dir.join("node_modules/.bin/buf");
    if program.exists() {
        let version = output(&mut cmd(&program, ["--version"]));
        if version.is_ok_and(|version| version.trim() == BUF) {
            return Ok(program);
        }
    }
    apt::ensure(apt::FOR_NPM)?;
    eprintln!("installing buf {BUF} (npm)");
    let args = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
    let package = format!("@bufbuild/buf@{BUF}");
    run(cmd("npm", args).arg(&dir).arg(package).stdout(std::io::stderr()))?;
    Ok(program)
}
