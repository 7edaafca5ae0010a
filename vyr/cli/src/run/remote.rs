use std::{fs, io::Write as _, os::unix::net::UnixStream, path::Path, process::ExitCode};

use tokio::io::AsyncWriteExt as _;
use vyr_sdk::{
    Client, Endpoint,
    control::{SubmitTaskRequest, TaskStatus},
};

use super::Verb;
use crate::{
    artifact::{Source, open_store, put, resolve, sign_for_run, upload_file},
    context::Context,
    error::CliError,
    output,
    task::exit_code,
};

/// Tells whether a node listens; one that was named is always taken at its word.
pub(super) fn is_running(context: &Context) -> bool {
    match context.endpoint() {
        Ok(Endpoint::Unix(path)) => UnixStream::connect(path).is_ok(),
        Ok(Endpoint::Http { .. }) => true,
        Err(_) => false,
    }
}

pub(super) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let artifact_digest = if Path::new(&verb.program).exists() {
        let prepared = Source::of((&verb.program).into()).prepare()?;
        let signature = sign_for_run(context, &open_store(context)?, &prepared.manifest)?;
        put(&client, prepared, signature, context).await?.digest
    } else {
        resolve(&verb.program, context)?
    };
    let mut resources = verb.resources.to_proto(verb.args)?;
    resources.no_output_dir = verb.out.is_none();
    // the guest's environment is what was granted, as in a run without a node
    resources.no_trace_context = true;
    let request = SubmitTaskRequest {
        artifact_digest,
        input_ref: upload_stdin(&client, context).await?,
        resources: resources.into(),
        ..Default::default()
    };
    let task_id = client.submit_task(request).await?.task_id;
    let (stdout, stderr) = tokio::join!(pass(&client, &task_id, "stdout"), pass(&client, &task_id, "stderr"));
    stdout.and(stderr)?;
    let status = client.wait(&task_id).await?;
    if let Some(out) = &verb.out {
        fetch(&client, &status, out).await?;
    }
    let why = output::failure(&status);
    if !why.is_empty() && !why.starts_with("exit code") {
        eprintln!("vyr: {why}");
    }
    Ok(exit_code(&status))
}

/// Sends stdin as a blob; an empty one needs none.
async fn upload_stdin(client: &Client, context: &Context) -> Result<String, CliError> {
    let mut file = tempfile::NamedTempFile::new()?;
    if std::io::copy(&mut std::io::stdin().lock(), &mut file)? == 0 {
        return Ok(String::new());
    }
    file.flush()?;
    Ok(upload_file(client, file.path(), context).await?.0.to_string())
}

/// Passes one of the guest's streams on, byte for byte, as it grows.
async fn pass(client: &Client, task_id: &str, stream: &str) -> Result<(), CliError> {
    let mut reader = client.follow_output(task_id, stream).await?;
    if stream == "stdout" {
        let mut out = tokio::io::stdout();
        tokio::io::copy(&mut reader, &mut out).await?;
        out.flush().await?;
    } else {
        let mut out = tokio::io::stderr();
        tokio::io::copy(&mut reader, &mut out).await?;
        out.flush().await?;
    }
    Ok(())
}

/// Writes what the guest left in `/out` below `out`.
async fn fetch(client: &Client, status: &TaskStatus, out: &Path) -> Result<(), CliError> {
    for file in &status.files {
        let digest = file.digest.parse().map_err(|_| CliError::Usage("the node sent a bad digest".into()))?;
        let path = out.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut reader = client.get_blob(digest).await?;
        let mut to = tokio::fs::File::create(&path).await?;
        tokio::io::copy(&mut reader, &mut to).await?;
        to.flush().await?;
    }
    Ok(())
}
