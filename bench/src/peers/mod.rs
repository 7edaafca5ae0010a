//! What others need for the same no-op, in the same run.

mod container;
mod disk;
mod in_process;
mod wasmtime_cli;

use anyhow::Result;
use serde::Serialize;

pub(crate) use self::wasmtime_cli::on_path;
use crate::{
    lab::Lab,
    samples::{Latency, Samples},
};

/// The peers that are there.
#[derive(Serialize)]
pub(crate) struct Peers {
    /// `wasmtime run --allow-precompiled`: no signature, no record.
    pub(crate) wasmtime_run: Option<Latency>,
    wasmtime_version: Option<String>,
    /// `wasmtime compile` of the component of 100 kB.
    pub(crate) wasmtime_compile: Option<Latency>,
    /// A bare `runc run` of a static busybox.
    pub(crate) runc: Option<Latency>,
    pub(crate) docker: Option<Latency>,
    /// wasmtime in this process, instantiate and run to exit: the limit.
    pub(crate) in_process: Latency,
    /// The same, from compiled code on disk.
    pub(crate) in_process_cold: Latency,
    /// One append and its `fdatasync`.
    pub(crate) fdatasync: Latency,
}

pub(crate) fn peers(lab: &Lab) -> Result<Peers> {
    let wasmtime = wasmtime_cli::find(&lab.options);
    if wasmtime.is_none() {
        lab.say("no wasmtime command: left out");
    }
    let (wasmtime_run, wasmtime_compile) = match &wasmtime {
        Some(program) => {
            let (run, compile) = wasmtime_cli::measure(lab, program)?;
            (Some(run), Some(compile))
        }
        None => (None, None),
    };
    let told = |name: &str, measured: Result<Option<Latency>>| match measured {
        Ok(measured) => measured,
        Err(error) => {
            lab.say(&format!("{name} is left out: {error:#}"));
            None
        }
    };
    Ok(Peers {
        wasmtime_run,
        wasmtime_version: wasmtime.as_deref().and_then(wasmtime_cli::version),
        wasmtime_compile,
        runc: told("runc", container::runc(lab)),
        docker: told("docker", container::docker(lab)),
        in_process: in_process::warm(lab)?,
        in_process_cold: in_process::cold(lab)?,
        fdatasync: disk::sync(lab)?,
    })
}

/// Times so many calls.
fn repeat(count: usize, mut call: impl FnMut() -> Result<()>) -> Result<Latency> {
    let mut samples = Samples::default();
    for _ in 0..count {
        let begun = std::time::Instant::now();
        call()?;
        samples.push(begun.elapsed());
    }
    samples.latency()
}
