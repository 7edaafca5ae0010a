use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    os::fd::AsFd as _,
    process::ExitCode,
};

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use wasmtime::Engine;

use super::{CompileError, FAILED, Haste, INVALID, OK, READY};
use crate::{
    schedule,
    wasm::{
        ProgramKind,
        engine::{Level, Metering, compile_config},
    },
};

/// Bytes of a message that are kept.
const MAX_MESSAGE: usize = 2048;

/// Compiles `wasm` in this process, without any bound: for Wasm that is trusted, and for the compile child.
///
/// # Errors
/// The Wasm is invalid, or none at all.
pub fn compile(wasm: &[u8], metering: Metering) -> Result<Vec<u8>, CompileError> {
    compile_at(Level::Full, wasm, metering)
}

fn compile_at(level: Level, wasm: &[u8], metering: Metering) -> Result<Vec<u8>, CompileError> {
    let kind = ProgramKind::detect(wasm).ok_or(CompileError::NotWasm)?;
    let invalid = |error: wasmtime::Error| {
        let mut text = format!("{error:#}");
        text.truncate(text.floor_char_boundary(MAX_MESSAGE));
        CompileError::Invalid(text)
    };
    let engine = Engine::new(&compile_config(metering, level)).map_err(invalid)?;
    match kind {
        ProgramKind::Component => engine.precompile_component(wasm),
        ProgramKind::Module => engine.precompile_module(wasm),
    }
    .map_err(invalid)
}

/// Runs the compile child: what the binary's hidden subcommand calls with the arguments after its name.
///
/// Reads Wasm from stdin and writes the answer to stdout. Lowers its own resource limits first.
pub fn compile_child_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let (status, answer) = match work(args) {
        Ok(Ok(code)) => (OK, code),
        Ok(Err(error)) => (INVALID, message(&error)),
        Err(error) => (FAILED, error.to_string().into_bytes()),
    };
    if send(status, &answer).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn send(status: u8, content: &[u8]) -> io::Result<()> {
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX).to_le_bytes();
    write_out(&[&[status][..], &length].concat())?;
    write_out(content)
}

fn write_out(bytes: &[u8]) -> io::Result<()> {
    // past the standard library's buffer, which ends lines
    File::from(io::stdout().as_fd().try_clone_to_owned()?).write_all(bytes)
}

fn message(error: &CompileError) -> Vec<u8> {
    match error {
        CompileError::Invalid(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn work(args: impl Iterator<Item = OsString>) -> io::Result<Result<Vec<u8>, CompileError>> {
    let bounds = Bounds::parse(args)?;
    bounds.apply()?;
    // its threads hold every processor for tens of milliseconds: short tasks pass
    match bounds.haste {
        Haste::Quick | Haste::Full => schedule::compiler(),
        Haste::Later => {
            // whoever stopped it lets it go on: nobody could where the node was killed
            set_parent_process_death_signal(Some(Signal::KILL))?;
            schedule::idler();
            write_out(&[READY])?;
        }
    }
    let mut wasm = Vec::new();
    io::stdin().lock().read_to_end(&mut wasm)?;
    Ok(compile_at(bounds.haste.level(), &wasm, bounds.metering))
}

/// What the parent writes on the child's command line.
pub(super) struct Bounds {
    pub(super) metering: Metering,
    pub(super) haste: Haste,
    pub(super) memory_bytes: u64,
    pub(super) cpu_seconds: u64,
}

impl Bounds {
    pub(super) fn to_args(&self) -> [String; 4] {
        let (metering, haste) = (self.metering.as_str().into(), self.haste.as_str().into());
        [metering, haste, self.memory_bytes.to_string(), self.cpu_seconds.to_string()]
    }

    fn parse(mut args: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let mut next = || args.next().and_then(|arg| arg.into_string().ok()).ok_or_else(usage);
        Ok(Self {
            metering: next()?.parse().map_err(|()| usage())?,
            haste: next()?.parse().map_err(|()| usage())?,
            memory_bytes: next()?.parse().map_err(|_| usage())?,
            cpu_seconds: next()?.parse().map_err(|_| usage())?,
        })
    }

    fn apply(&self) -> io::Result<()> {
        let limits = [
            (Resource::As, self.memory_bytes),
            (Resource::Cpu, self.cpu_seconds),
            (Resource::Core, 0),
            (Resource::Fsize, 0),
        ];
        for (resource, limit) in limits {
            setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
        }
        Ok(())
    }
}

fn usage() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "arguments are `time|fuel quick|full|later MEMORY_BYTES CPU_SECONDS`",
    )
}
