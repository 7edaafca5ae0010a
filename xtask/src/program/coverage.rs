//! How much of the rules their tests reach: all of it, or it fails. The ordinary compiler counts; LLVM of the
//! chain's toolchain reads, which is of the same major version.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::Toolchain;
use crate::cmd::{cargo, cmd, output, run, succeeds};
use crate::place::Place;

/// Files that are not the rules themselves.
const IGNORED: &str = "--ignore-filename-regex=tests/|registry|rustc";

/// Counts regions.
const REGIONS: &str = "-Cinstrument-coverage";

/// Counts both sides of each condition too. A stable compiler has it and promises nothing about it.
const BRANCHES: &str = "-Zcoverage-options=branch";

/// Lets a stable compiler take that flag. For this measurement only: nothing that is shipped is built with it.
const UNSTABLE: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");

/// Runs the rules' tests, prints a table, and fails where they do not reach a region or one side of a condition.
pub(crate) fn report(place: &Place, toolchain: &Toolchain) -> Result<()> {
    let target = place.cache.join("escrow-coverage");
    let profiles = target.join("profiles");
    let _ = fs::remove_dir_all(&profiles);
    let branches = succeeds(cmd("rustc", [BRANCHES, "--print=sysroot"]).env(UNSTABLE.0, UNSTABLE.1));
    let flags = if branches { format!("{REGIONS} {BRANCHES}") } else { REGIONS.to_owned() };
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
            .env("RUSTFLAGS", &flags)
            .env(UNSTABLE.0, UNSTABLE.1)
            .env("LLVM_PROFILE_FILE", profiles.join("%p.profraw"));
        command
    };
    let test = test_program(&output(&mut with_counters(&["--no-run"]))?)?;
    run(with_counters(&[]).stdout(std::io::stderr()))?;
    let merged = target.join("policy.profdata");
    run(toolchain.llvm("llvm-profdata").args(["merge", "-sparse", "-o"]).arg(&merged).arg(&profiles))?;
    let profile = format!("-instr-profile={}", merged.display());
    let reader = |verb: &str, more: &[&str]| {
        let mut command = toolchain.llvm("llvm-cov");
        command.arg(verb).args(more).arg(&test).args([profile.as_str(), IGNORED]);
        command
    };
    run(&mut reader("report", &[]))?;
    if !branches {
        eprintln!("this compiler counts no branches: only regions were measured");
    }
    let missed = missed(&output(&mut reader("export", &["-summary-only"]))?, branches)?;
    if missed.is_empty() {
        return Ok(());
    }
    eprintln!("{}", output(&mut reader("show", &["-show-regions", "-show-branches=count"]))?);
    bail!("the tests of the rules do not reach all of {}", missed.join(", "))
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

/// What `llvm-cov export -summary-only` prints, as far as it is read here.
#[derive(Deserialize)]
struct Export {
    data: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: PathBuf,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    regions: Count,
    branches: Count,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
    covered: u64,
}

/// The files that are not reached in full; a report about nothing is none.
fn missed(export: &str, branches: bool) -> Result<Vec<String>> {
    let export: Export = serde_json::from_str(export).context("llvm-cov printed another kind of JSON")?;
    let files: Vec<_> = export.data.into_iter().flat_map(|program| program.files).collect();
    let sum = |of: fn(&Summary) -> u64| files.iter().map(|file| of(&file.summary)).sum::<u64>();
    if sum(|summary| summary.regions.count) == 0 {
        bail!("llvm-cov counted no regions");
    }
    if branches && sum(|summary| summary.branches.count) == 0 {
        bail!("llvm-cov counted no branches");
    }
    let whole = |count: &Count| count.covered == count.count;
    let short = files.iter().filter(|file| !whole(&file.summary.regions) || !whole(&file.summary.branches));
    Ok(short
        .map(|File { filename, summary: Summary { regions, branches } }| {
            let name = filename.file_name().unwrap_or_default().to_string_lossy();
            format!(
                "{name} ({} of {} regions, {} of {} branches)",
                regions.covered, regions.count, branches.covered, branches.count
            )
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::missed;

    fn export(regions: [u64; 2], branches: [u64; 2]) -> String {
        let count = |[count, covered]: [u64; 2]| serde_json::json!({ "count": count, "covered": covered });
        let summary = serde_json::json!({ "regions": count(regions), "branches": count(branches) });
        serde_json::json!({ "data": [{ "files": [{ "filename": "/a/split.rs", "summary": summary }] }] })
            .to_string()
    }

    #[test]
    fn what_is_not_reached_is_named() {
        assert_eq!(missed(&export([9, 9], [4, 4]), true).unwrap(), Vec::<String>::new());
        let short = missed(&export([9, 8], [4, 4]), true).unwrap();
        assert_eq!(short, ["split.rs (8 of 9 regions, 4 of 4 branches)"]);
        assert_eq!(missed(&export([9, 9], [4, 3]), true).unwrap().len(), 1);
    }

    #[test]
    fn nothing_counted_is_no_success() {
        assert!(missed(&export([0, 0], [0, 0]), false).is_err());
        assert!(missed(&export([9, 9], [0, 0]), true).is_err());
        assert!(missed(&export([9, 9], [0, 0]), false).unwrap().is_empty());
        assert!(missed("{}", false).is_err());
    }
}
