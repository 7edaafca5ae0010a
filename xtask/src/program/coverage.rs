//! How much of the rules their tests reach. The ordinary compiler counts; LLVM of the chain's toolchain reads,
//! which is of the same major version.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Toolchain;
use crate::cmd::{cargo, output, run};
use crate::place::Place;

/// Files that are not the rules themselves.
const IGNORED: &str = "--ignore-filename-regex=tests/|registry|rustc";

/// Runs the rules' tests and prints a table.
pub(super) fn report(place: &Place, toolchain: &Toolchain) -> Result<()> {
    let target = place.cache.join("escrow-coverage");
    let profiles = target.join("profiles");
    let _ = fs::remove_dir_all(&profiles);
    let args = [
        "test",
        "--locked",
        "--package=cyxwiz-escrow-policy",
        "--test=policy",
        "--message-format=json-render-diagnostics",
    ];
    let with_counters = |more: &[&str]| {
        let mut command = cargo(&place.escrow(), args.iter().chain(more));
        command
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", "-Cinstrument-coverage")
            .env("LLVM_PROFILE_FILE", profiles.join("%p.profraw"));
        command
    };
    let test = test_program(&output(&mut with_counters(&["--no-run"]))?)?;
    run(with_counters(&[]).stdout(std::io::stderr()))?;
    let merged = target.join("policy.profdata");
    run(toolchain.llvm("llvm-profdata").args(["merge", "-sparse", "-o"]).arg(&merged).arg(&profiles))?;
    let profile = format!("-instr-profile={}", merged.display());
    run(toolchain.llvm("llvm-cov").arg("report").arg(test).args([profile.as_str(), IGNORED]))
}

fn test_program(messages: &str) -> Result<PathBuf> {
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("cargo printed no JSON")?;
        if let Some(program) = message.get("executable").and_then(Value::as_str) {
            return Ok(PathBuf::from(program));
        }
    }
    bail!("cargo names no test program")
}
