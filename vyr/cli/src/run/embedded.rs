use std::{fs, path::Path, process::ExitCode};

use rustix::{
    fd::BorrowedFd,
    io::{Errno, write},
    stdio::{stderr, stdout},
};
use vyr_model::{Digest, Failure, LimitKind, Limits, Terminal};
use vyr_node::{Embedded, NodeOptions};
use vyr_runtime::{Cancel, OutputSink, RunOutcome, RunRequest, SinkError, Stdin, Used};

use super::Verb;
use crate::{
    artifact::{Source, put_local, resolve, sign_for_run},
    context::Context,
    error::CliError,
};

pub(super) fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let outcome = runtime.block_on(execute(verb, context));
    // a read of the terminal may never return
    runtime.shutdown_background();
    Ok(report(&outcome?))
}

async fn execute(verb: Verb, context: &Context) -> Result<RunOutcome, CliError> {
    let embedded = Embedded::open(NodeOptions::new(context.home.clone()))?;
    let digest = stored(&verb.program, &embedded, context)?;
    if let Some(out) = &verb.out {
        fs::create_dir_all(out)?;
    }
    let grants = verb.resources.grants()?;
    let ours = Limits { wall_time: FOREVER, cpu_time: FOREVER, ..Limits::default() };
    let cancel = Cancel::default();
    let run = embedded.run(digest, |name, limits| RunRequest {
        task: None,
        args: std::iter::once(name.to_owned()).chain(verb.args).collect(),
        env: grants.env,
        dirs: grants.dirs,
        http_out: grants.http_out,
        states: Vec::new(),
        limits: verb.resources.limits(limits.over(ours)),
        stdin: Stdin::Stream(Box::new(tokio::io::stdin())),
        stdout: Box::new(Raw(stdout())),
        stderr: Box::new(Raw(stderr())),
        out_dir: verb.out,
        cancel,
        determinism: None,
        used: Used::default(),
    });
    Ok(run.await?)
}

/// A program that a person runs in a terminal ends when it ends, unless told otherwise.
const FOREVER: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);

/// Returns the digest of a stored artifact, or stores and signs the file.
fn stored(program: &str, embedded: &Embedded, context: &Context) -> Result<Digest, CliError> {
    if !Path::new(program).exists() {
        let digest = resolve(program, context).map_err(|error| match error {
            CliError::Store(_) if !program.starts_with("sha256:") => CliError::Usage(format!(
                "there is no file `{program}`, and no artifact whose digest begins so"
            )),
            other => other,
        })?;
        return digest.parse().map_err(|_| CliError::Usage(format!("`{program}` is no digest")));
    }
    let prepared = Source::of(program.into()).prepare()?;
    let store = embedded.store();
    if store.load_manifest(&prepared.digest, std::time::SystemTime::now()).is_ok() {
        return Ok(prepared.digest);
    }
    let signature = sign_for_run(context, store, &prepared.manifest)?;
    let digest = prepared.digest;
    put_local(store, prepared, &signature)?;
    Ok(digest)
}

/// Writes straight to a file descriptor: no buffer of ours between the guest and its reader.
struct Raw(BorrowedFd<'static>);

impl OutputSink for Raw {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), SinkError> {
        while !bytes.is_empty() {
            match write(self.0, bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(SinkError(error.into())),
            }
        }
        Ok(())
    }
}

/// Says on stderr why a guest did not succeed; returns its exit code.
fn report(outcome: &RunOutcome) -> ExitCode {
    let failure = match &outcome.terminal {
        Terminal::Succeeded => return ExitCode::SUCCESS,
        Terminal::Failed(failure) => failure,
        Terminal::Cancelled | Terminal::Lost => return ExitCode::FAILURE,
    };
    match failure {
        Failure::Exit(code) => crate::task::guest_code(*code),
        Failure::Trap(text) => {
            eprintln!("vyr: trap: {text}");
            ExitCode::from(134)
        }
        Failure::Limit(kind) => {
            eprintln!("vyr: the limit of {} was reached: raise it with {}", kind.as_str(), flag(*kind));
            ExitCode::FAILURE
        }
        Failure::Verify(text)
        | Failure::Link(text)
        | Failure::StateLost(text)
        | Failure::Grant(text)
        | Failure::Internal(text) => {
            eprintln!("vyr: {}: {text}", failure.kind());
            ExitCode::FAILURE
        }
    }
}

const fn flag(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Memory => "--memory",
        LimitKind::WallTime => "--wall-time",
        LimitKind::CpuTime => "--cpu-time",
        LimitKind::Fuel => "--fuel",
        LimitKind::Stdout => "--stdout-limit",
        LimitKind::Stderr => "--stderr-limit",
        LimitKind::Output => "--output-limit",
        LimitKind::HoldTime => "--hold-time",
        LimitKind::Handles => "--handles",
        LimitKind::HostCallBytes => "--host-call-bytes",
    }
}
