use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::repeat;
use crate::{lab::Lab, options::Options, samples::Latency};

/// Finds the command: the one that is named, else on PATH.
pub(super) fn find(options: &Options) -> Option<PathBuf> {
    options.wasmtime.clone().filter(|path| path.is_file()).or_else(|| on_path("wasmtime"))
}

pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

pub(super) fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Measures `run` of the no-op's compiled code, and `compile` of the larger component.
pub(super) fn measure(lab: &Lab, program: &Path) -> Result<(Latency, Latency)> {
    let dir = lab.path("wasmtime");
    fs::create_dir_all(&dir)?;
    let write = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = dir.join(name);
        fs::write(&path, bytes)?;
        Ok(path)
    };
    let (noop, large) = (write("noop.wasm", lab.noop.bytes())?, write("large.wasm", lab.large.bytes())?);
    let (code, thrown_away) = (dir.join("noop.cwasm"), dir.join("large.cwasm"));
    lab.say("wasmtime compile");
    compile(program, &noop, &code)?;
    let compiled = repeat(lab.sizes.unseen, || compile(program, &large, &thrown_away))?;
    lab.say("wasmtime run");
    let ran = repeat(lab.sizes.wasmtime, || {
        run(Command::new(program).args(["run", "--allow-precompiled"]).arg(&code))
    })?;
    Ok((ran, compiled))
}

fn compile(program: &Path, from: &Path, to: &Path) -> Result<()> {
    run(Command::new(program).arg("compile").arg(from).arg("-o").arg(to))
}

/// Runs a command to its end; its output goes nowhere.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {:?}", command.get_program()))?;
    ensure!(status.success(), "{:?} failed ({status})", command.get_program());
    Ok(())
}
