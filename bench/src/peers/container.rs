use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    repeat,
    wasmtime_cli::{on_path, run},
};
use crate::{lab::Lab, samples::Latency};

/// `runc run` of `true` in a static busybox, nothing around it.
pub(super) fn runc(lab: &Lab) -> Result<Option<Latency>> {
    let (Some(runc), Some(busybox)) = (on_path("runc"), on_path("busybox")) else { return Ok(None) };
    lab.say("runc run");
    let bundle = lab.path("bundle");
    make_bundle(&runc, &busybox, &bundle)?;
    let mut number = 0;
    let latency = repeat(lab.sizes.containers, || {
        number += 1;
        let name = format!("vyr-bench-{}-{number}", std::process::id());
        run(Command::new(&runc).arg("run").arg("--bundle").arg(&bundle).arg(name))
    })?;
    Ok(Some(latency))
}

fn make_bundle(runc: &Path, busybox: &Path, bundle: &Path) -> Result<()> {
    let bin = bundle.join("rootfs/bin");
    fs::create_dir_all(&bin)?;
    fs::copy(busybox, bin.join("busybox"))?;
    run(Command::new(runc).arg("spec").arg("--bundle").arg(bundle))?;
    let path = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path)?)?;
    let process = config.get_mut("process").context("runc's own specification has no process")?;
    *process.get_mut("terminal").context("no terminal")? = json!(false);
    *process.get_mut("args").context("no args")? = json!(["/bin/busybox", "true"]);
    fs::write(path, serde_json::to_vec(&config)?)?;
    Ok(())
}

/// `docker run` of the same, where a daemon answers.
pub(super) fn docker(lab: &Lab) -> Result<Option<Latency>> {
    let Some(docker) = on_path("docker") else { return Ok(None) };
    if run(Command::new(&docker).arg("info")).is_err() {
        return Ok(None);
    }
    lab.say("docker run");
    let name = "vyr-bench-busybox";
    let bundle = lab.path("bundle");
    let Some(busybox) = on_path("busybox") else { return Ok(None) };
    let rootfs = bundle.join("rootfs/bin");
    fs::create_dir_all(&rootfs)?;
    fs::copy(busybox, rootfs.join("busybox"))?;
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(bundle.join("rootfs")).args(["-c", "."]).stdout(Stdio::piped());
    let mut tar = tar.spawn()?;
    let stream = tar.stdout.take().context("tar has no output")?;
    let status =
        Command::new(&docker).args(["import", "-", name]).stdin(stream).stdout(Stdio::null()).status()?;
    if !(tar.wait()?.success() && status.success()) {
        bail!("the image cannot be imported");
    }
    let latency = repeat(lab.sizes.containers, || {
        run(Command::new(&docker).args(["run", "--rm", "--network=none", name, "/bin/busybox", "true"]))
    })?;
    run(Command::new(&docker).args(["image", "rm", name]))?;
    Ok(Some(latency))
}
