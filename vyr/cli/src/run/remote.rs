use std::{
    io::{IsTerminal as _, stderr, stdin},
    os::unix::net::UnixStream,
    path::Path,
    pin::pin,
    process::ExitCode,
};

use tokio::io::AsyncWriteExt as _;
use vyr_sdk::{
    Client, Endpoint, SdkError,
    control::{CancelTaskRequest, FailureKind, SubmitTaskRequest, TaskStatus},
};

use super::{
    Verb, limit_reached, outdir,
    pass::{self, PassError},
    signals::Signals,
    tell, unwritten,
};
use crate::{
    artifact::{Input, Source, open_store, put, resolve, sign_for_run, upload_file},
    context::Context,
    error::CliError,
    folders::Folders,
    output,
    task::{exit_code, gone},
    terminal::say,
};

/// Tells whether the node of the home listens.
pub(super) fn is_running(context: &Context) -> bool {
    matches!(context.endpoint(), Ok(Endpoint::Unix(path)) if UnixStream::connect(&path).is_ok())
}

pub(super) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let artifact_digest = if Path::new(&verb.program).exists() {
        let prepared = Source::of((&verb.program).into()).prepare()?;
        let store = open_store(context)?;
        if !context.names_node() && prepared.is_in(&store) {
            prepared.digest.to_string()
        } else {
            let signature = sign_for_run(context, &store, &prepared.manifest)?;
            put(&client, prepared, signature, context).await?.digest
        }
    } else {
        resolve(&verb.program, context)?
    };
    let mut resources = verb.resources.to_proto(verb.args, Folders::of(context)?)?;
    resources.no_output_dir = verb.out.is_none();
    // the guest's environment is what was granted, as in a run without a node
    resources.no_trace_context = true;
    if let Some(out) = &verb.out {
        outdir::make(out)?;
    }
    let request = SubmitTaskRequest {
        artifact_digest,
        input_ref: upload_stdin(&client, context).await?,
        resources: resources.into(),
        ..Default::default()
    };
    // until here a signal has nothing to end but us
    let mut signals = Signals::watch()?;
    let mut submit = pin!(client.submit_task(request));
    let submitted = tokio::select! {
        answer = &mut submit => Ok(answer?.task_id),
        code = signals.next() => Err(code),
    };
    let task_id = match submitted {
        Ok(task_id) => task_id,
        // what was sent may be taken up all the same
        Err(code) => {
            let end = async {
                if let Ok(answer) = submit.await {
                    cancel(&client, &answer.task_id).await;
                }
            };
            return Ok(signals.end(code, end).await);
        }
    };
    tokio::select! {
        ended = follow(&client, &task_id, verb.out.as_deref()) => ended,
        code = signals.next() => Ok(signals.end(code, cancel(&client, &task_id)).await),
    }
}

/// Passes on what the task writes, waits for its end, and fetches what it left.
async fn follow(client: &Client, task_id: &str, out: Option<&Path>) -> Result<ExitCode, CliError> {
    match pass::both(client, task_id).await {
        Ok(()) => {}
        Err(PassError::Node(error)) => return Err(gone(error, task_id)),
        Err(PassError::Read(error)) => {
            return Err(CliError::NodeGone { task_id: task_id.into(), source: error.into() });
        }
        Err(PassError::Write(stream, error)) => {
            cancel(client, task_id).await;
            return unwritten(stream, error);
        }
    }
    let status = client.wait(task_id).await.map_err(|error| gone(error, task_id))?;
    if let Some(out) = out {
        fetch(client, &status, out).await?;
    }
    match status.failure.as_known() {
        Some(FailureKind::Exit) => {}
        Some(FailureKind::Limit) => tell(&limit_reached(output::limit(&status))),
        _ => {
            let why = output::failure(&status);
            if !why.is_empty() {
                tell(&why);
            }
        }
    }
    Ok(exit_code(&status))
}

/// Ends a task that nobody waits for any more.
async fn cancel(client: &Client, task_id: &str) {
    let request = CancelTaskRequest { task_id: task_id.to_owned(), ..Default::default() };
    if let Err(error) = client.cancel_task(request).await {
        say(format_args!("vyr: task `{task_id}` may run on, the node could not be told to end it: {error}"));
    }
}

/// Sends stdin as a blob; an empty one needs none.
async fn upload_stdin(client: &Client, context: &Context) -> Result<String, CliError> {
    if stdin().is_terminal() {
        if stderr().is_terminal() {
            say(
                "note: a node takes its input whole, so this terminal's is not sent: the program finds an empty one",
            );
        }
        return Ok(String::new());
    }
    let input = Input::spool(stdin().lock(), Path::new("/dev/stdin"))?;
    if input.is_empty()? {
        return Ok(String::new());
    }
    Ok(upload_file(client, &input, context).await?.0.to_string())
}

/// Writes what the guest left in `/out` below `out`.
async fn fetch(client: &Client, status: &TaskStatus, out: &Path) -> Result<(), CliError> {
    let folder = outdir::OutDir::open(out)?;
    let lost = |error: SdkError| gone(error, &status.task_id);
    for file in &status.files {
        let digest = file.digest.parse();
        let digest = digest.map_err(|_| SdkError::Broken(format!("`{}` is no digest", file.digest)))?;
        let mut to = tokio::fs::File::from_std(folder.create(&file.path)?);
        let reader = client.get_blob(digest).await.map_err(lost)?;
        match pass::copy(reader, "a file of --out", &mut to).await {
            Ok(()) => {}
            Err(PassError::Node(error)) => return Err(lost(error)),
            Err(PassError::Read(error)) => {
                return Err(CliError::NodeGone { task_id: status.task_id.clone(), source: error.into() });
            }
            Err(PassError::Write(_, source)) => {
                let path = out.join(&file.path).display().to_string();
                return Err(CliError::File { what: "write", path, source });
            }
        }
        to.flush().await?;
    }
    Ok(())
}
