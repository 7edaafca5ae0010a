use std::{
    path::Path,
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use rustix::{
    fd::BorrowedFd,
    io::{Errno, write},
    stdio::{stderr, stdout},
};
use vyr_model::{Digest, Failure, Limits, Terminal};
use vyr_node::{Embedded, NodeOptions};
use vyr_runtime::{Cancel, OutputSink, RunOutcome, RunRequest, SinkError, Stdin, Used};

use super::{Verb, limit_reached, outdir, tell, unwritten};
use crate::{
    artifact::{Source, put_local, resolve, sign_for_run},
    context::Context,
    error::CliError,
    folders::Folders,
};

pub(super) fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let lost = Lost::default();
    let outcome = runtime.block_on(execute(verb, &lost, context));
    // a read of the terminal may never return
    runtime.shutdown_background();
    let outcome = outcome?;
    match Arc::into_inner(lost).and_then(OnceLock::into_inner) {
        Some((stream, error)) => unwritten(stream, error),
        None => Ok(report(&outcome)),
    }
}

async fn execute(verb: Verb, lost: &Lost, context: &Context) -> Result<RunOutcome, CliError> {
    let embedded = Embedded::open(NodeOptions::new(context.home()?.to_owned()))?;
    let digest = stored(&verb.program, &embedded, context)?;
    let grants = verb.resources.grants(Folders::Ours)?;
    if let Some(out) = &verb.out {
        outdir::make(out)?;
    }
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
        stdout: Box::new(Raw { to: stdout(), name: "stdout", lost: Arc::clone(lost) }),
        stderr: Box::new(Raw { to: stderr(), name: "stderr", lost: Arc::clone(lost) }),
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
    if prepared.is_in(store) {
        return Ok(prepared.digest);
    }
    let signature = sign_for_run(context, store, &prepared.manifest)?;
    let digest = prepared.digest;
    put_local(store, prepared, &signature)?;
    Ok(digest)
}

/// The first write that failed, and of which stream.
type Lost = Arc<OnceLock<(&'static str, std::io::Error)>>;

/// Writes straight to a file descriptor: no buffer of ours between the guest and its reader.
struct Raw {
    to: BorrowedFd<'static>,
    name: &'static str,
    lost: Lost,
}

impl OutputSink for Raw {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), SinkError> {
        while !bytes.is_empty() {
            match write(self.to, bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => {
                    let _ = self.lost.set((self.name, error.into()));
                    return Err(SinkError(error.into()));
                }
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
            tell(&format!("trap: {text}"));
            ExitCode::from(134)
        }
        Failure::Limit(kind) => {
            tell(&limit_reached(kind.as_str()));
            ExitCode::FAILURE
        }
        Failure::Verify(text)
        | Failure::Link(text)
        | Failure::StateLost(text)
        | Failure::Grant(text)
        | Failure::Internal(text) => {
            tell(&format!("{}: {text}", failure.kind()));
            ExitCode::FAILURE
        }
    }
}
