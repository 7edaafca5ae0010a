//! Compiles the workspace `workloads/` and collects the Wasm files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::route::Route;
use crate::cmd::{cargo, output};
use crate::place::Place;

/// Builds all guests and returns their folder: `NAME.wasm` are components, `NAME.p1.wasm` core modules.
pub(crate) fn build(place: &Place) -> Result<PathBuf> {
    fs::create_dir_all(place.tools())?;
    let guests = place.cache.join("guests");
    build_by(place, &Route::find(place)?, &place.cache.join("guests-target"), &guests)?;
    Ok(guests)
}

/// Builds them by one route in the folder `target`, and puts them into `guests`.
pub(super) fn build_by(place: &Place, route: &Route, target: &Path, guests: &Path) -> Result<()> {
    fs::create_dir_all(guests)?;
    let components = compile(place, route, target, &["--workspace", "--target", "wasm32-wasip2"])?;
    let modules = compile(place, route, target, &["-p", "test-guests", "--target", "wasm32-wasip1"])?;
    for (files, extension) in [(components, "wasm"), (modules, "p1.wasm")] {
        for file in files {
            let to = guests.join(name_with(&file, extension)?);
            publish(&file, &to)?;
        }
    }
    Ok(())
}

/// Builds the event generator for this machine and returns the program's path.
pub(crate) fn generator(place: &Place) -> Result<PathBuf> {
    let target = place.target.join("workloads");
    let mut command =
        cargo(&place.workloads(), ["build", "--release", "--locked", "--quiet", "-p", "generate"]);
    crate::cmd::run(command.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("release/generate"))
}

/// Runs cargo and returns the Wasm programs that it names.
fn compile(place: &Place, route: &Route, target: &Path, what: &[&str]) -> Result<Vec<PathBuf>> {
    let format = "--message-format=json-render-diagnostics";
    let args = ["build", "--release", "--locked", "--quiet", format];
    let messages = output(route.cargo(place, target, &args).args(what))?;
    let files = programs(&messages)?;
    if files.is_empty() {
        bail!("cargo names no Wasm program");
    }
    Ok(files)
}

/// The Wasm files of binary targets in cargo's JSON messages.
fn programs(messages: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("cargo printed no JSON")?;
        if message.pointer("/target/kind/0") != Some(&Value::from("bin")) {
            continue;
        }
        let names = message.get("filenames").and_then(Value::as_array);
        let paths = names.into_iter().flatten().filter_map(Value::as_str);
        files.extend(paths.filter(|name| name.ends_with(".wasm")).map(PathBuf::from));
    }
    Ok(files)
}

fn name_with(file: &Path, extension: &str) -> Result<String> {
    let stem = file.file_stem().context("cargo named no file")?;
    Ok(format!("{}.{extension}", stem.to_string_lossy()))
}

/// Copies by rename, and only what changed: tests of other checkouts may be reading.
fn publish(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let temporary = to.with_extension(format!("tmp{}", std::process::id()));
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, to).with_context(|| format!("cannot write `{}`", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wasm_files_of_binaries_count() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"]},"filenames":["/t/libx.rlib"]}
{"reason":"compiler-artifact","target":{"kind":["bin"]},"filenames":["/t/noop.wasm","/t/noop.d"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(programs(messages).unwrap(), [PathBuf::from("/t/noop.wasm")]);
        assert_eq!(name_with(Path::new("/t/noop.wasm"), "p1.wasm").unwrap(), "noop.p1.wasm");
    }
}
