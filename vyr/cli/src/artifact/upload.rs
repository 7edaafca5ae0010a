use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::AsyncRead;
use vyr_model::Digest;
use vyr_sdk::{
    Client,
    control::{PutArtifactRequest, PutArtifactResponse},
};

use super::{
    input::Input,
    source::{Blob, Prepared, hash},
};
use crate::{context::Context, error::CliError};

/// Files smaller than this need no progress bar.
const WORTH_A_BAR: u64 = 32 << 20;

/// Puts a prepared artifact: its blobs first, then the manifest.
pub(crate) async fn put(
    client: &Client,
    prepared: Prepared,
    signature: Vec<u8>,
    context: &Context,
) -> Result<PutArtifactResponse, CliError> {
    for (digest, size, blob) in prepared.blobs {
        if client.has_blob(digest).await? {
            continue;
        }
        match blob {
            Blob::Memory(bytes) => client.put_blob(digest, size, std::io::Cursor::new(bytes)).await?,
            Blob::File(input) => send(client, input.path(), digest, size, context).await?,
        }
    }
    let request = PutArtifactRequest {
        digest: prepared.digest.to_string(),
        manifest: prepared.manifest,
        signature,
        ..Default::default()
    };
    Ok(client.put_artifact(request).await?)
}

/// Puts a file as a blob, unless the node has it; returns its digest and size.
pub(crate) async fn upload_file(
    client: &Client,
    input: &Input,
    context: &Context,
) -> Result<(Digest, u64), CliError> {
    let (digest, size, _) = hash(input.path())?;
    if !client.has_blob(digest).await? {
        send(client, input.path(), digest, size, context).await?;
    }
    Ok((digest, size))
}

async fn send(
    client: &Client,
    path: &Path,
    digest: Digest,
    size: u64,
    context: &Context,
) -> Result<(), CliError> {
    let failed = |source| CliError::File { what: "read", path: path.display().to_string(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let bar =
        if context.json() || size < WORTH_A_BAR { ProgressBar::hidden() } else { ProgressBar::new(size) };
    if let Ok(style) =
        ProgressStyle::with_template("uploading {bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
    {
        bar.set_style(style);
    }
    let content: Box<dyn AsyncRead + Send + Sync + Unpin> = Box::new(bar.wrap_async_read(file));
    let sent = client.put_blob(digest, size, content).await;
    bar.finish_and_clear();
    Ok(sent?)
}
