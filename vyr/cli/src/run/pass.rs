use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use vyr_sdk::{Client, SdkError};

/// Why a stream of the guest was not passed on to its end.
pub(crate) enum PassError {
    /// The node refused, or went away.
    Node(SdkError),
    /// The node went away in the middle.
    Read(io::Error),
    /// Our own stream does not take it.
    Write(&'static str, io::Error),
}

/// Passes both streams of a task on, byte for byte, as they grow; the first failure ends both.
pub(super) async fn both(client: &Client, task_id: &str) -> Result<(), PassError> {
    let (out, err) = (tokio::io::stdout(), tokio::io::stderr());
    tokio::try_join!(
        one(client, task_id, "stdout", "stdout", out),
        one(client, task_id, "stderr", "stderr", err)
    )
    .map(drop)
}

/// Passes one stream of a task on to ours of the name `to`.
pub(crate) async fn one(
    client: &Client,
    task_id: &str,
    from: &str,
    to: &'static str,
    out: impl AsyncWrite + Unpin,
) -> Result<(), PassError> {
    let reader = client.follow_output(task_id, from).await.map_err(PassError::Node)?;
    copy(reader, to, out).await
}

pub(super) async fn copy(
    mut reader: impl AsyncRead + Unpin,
    to: &'static str,
    mut out: impl AsyncWrite + Unpin,
) -> Result<(), PassError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = reader.read(&mut buffer).await.map_err(PassError::Read)?;
        if count == 0 {
            return Ok(());
        }
        // flushed each time: a reader that went away is to be noticed now
        let bytes = buffer.get(..count).unwrap_or_default();
        out.write_all(bytes).await.map_err(|error| PassError::Write(to, error))?;
        out.flush().await.map_err(|error| PassError::Write(to, error))?;
    }
}
