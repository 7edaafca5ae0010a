use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use cyxwiz_model::FilePath;
use futures::StreamExt as _;
use reqwest::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use crate::backoff::Backoff;

/// Tries without a byte of progress before a file counts as not to be had.
const TRIES: u32 = 8;

/// A file that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) path: FilePath,
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
    pub(crate) url: String,
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    #[error("`{path}` answers {status}")]
    Refused { path: FilePath, status: StatusCode },
    #[error("`{path}` is not what it should be: {what}")]
    Differs { path: FilePath, what: &'static str },
    #[error("`{0}` breaks off before its end")]
    Short(FilePath),
    #[error("`{path}` cannot be fetched")]
    Broken {
        path: FilePath,
        #[source]
        source: Box<reqwest::Error>,
    },
    #[error("`{path}` cannot be written")]
    Disk {
        path: FilePath,
        #[source]
        source: io::Error,
    },
}

/// Fetches a file into `root`, going on where an earlier try ended; in a trace, or, where that is empty, in none. The file is in place only when its digest is right.
pub(crate) async fn fetch(
    client: &reqwest::Client,
    wanted: &Wanted,
    root: &Path,
    traceparent: &str,
) -> Result<(), DownloadError> {
    let place = root.join(wanted.path.as_str());
    let disk = |source| DownloadError::Disk { path: wanted.path.clone(), source };
    if let Some(parent) = place.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(disk)?;
    }
    if tokio::fs::try_exists(&place).await.map_err(disk)? {
        return Ok(());
    }
    // beside the folder that the job sees: no name of a part meets a name of the buyer's
    let part = root.with_extension("part");
    let part = part.join(hex::encode(Sha256::digest(wanted.path.as_str())));
    if let Some(parent) = part.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(disk)?;
    }
    let (mut backoff, mut fruitless) = (Backoff::default(), 0);
    loop {
        let before = size_of(&part).await;
        let error = match more(client, wanted, &part, traceparent).await {
            Ok(()) => break,
            Err(error @ (DownloadError::Broken { .. } | DownloadError::Short(_))) => error,
            Err(DownloadError::Refused { path, status })
                if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS =>
            {
                DownloadError::Refused { path, status }
            }
            Err(error) => return Err(error),
        };
        if size_of(&part).await > before {
            (fruitless, backoff) = (0, Backoff::default());
        }
        fruitless += 1;
        if fruitless >= TRIES {
            return Err(error);
        }
        tracing::debug!(file = %wanted.path, %error, "a download broke and goes on");
        backoff.wait(None).await;
    }
    let checked = verify(&part, wanted).await;
    if checked.is_err() {
        let _ = tokio::fs::remove_file(&part).await;
    }
    checked?;
    tokio::fs::rename(&part, &place).await.map_err(disk)
}

async fn size_of(path: &Path) -> u64 {
    tokio::fs::metadata(path).await.map_or(0, |metadata| metadata.len())
}

/// Fetches what is missing of the part.
async fn more(
    client: &reqwest::Client,
    wanted: &Wanted,
    part: &Path,
    traceparent: &str,
) -> Result<(), DownloadError> {
    let path = &wanted.path;
    let disk = |source| DownloadError::Disk { path: path.clone(), source };
    let broken = |source| DownloadError::Broken { path: path.clone(), source: Box::new(source) };
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(part).await.map_err(disk)?;
    let mut have = file.metadata().await.map_err(disk)?.len();
    if have > wanted.size {
        file.set_len(0).await.map_err(disk)?;
        have = 0;
    }
    if have == wanted.size {
        return Ok(());
    }
    let mut request = client.get(&wanted.url);
    if !traceparent.is_empty() {
        request = request.header("traceparent", traceparent);
    }
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let response = request.send().await.map_err(broken)?;
    match response.status() {
        StatusCode::PARTIAL_CONTENT if have > 0 => {}
        // the whole again
        StatusCode::OK => {
            file.set_len(0).await.map_err(disk)?;
            have = 0;
        }
        status => return Err(DownloadError::Refused { path: path.clone(), status }),
    }
    let mut body = response.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(broken)?;
        have += chunk.len() as u64;
        if have > wanted.size {
            drop(file);
            let _ = tokio::fs::remove_file(part).await;
            return Err(DownloadError::Differs { path: path.clone(), what: "it is longer than announced" });
        }
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    if have == wanted.size {
        return Ok(());
    }
    Err(DownloadError::Short(path.clone()))
}

async fn verify(part: &Path, wanted: &Wanted) -> Result<(), DownloadError> {
    let owned = part.to_owned();
    let hashed = tokio::task::spawn_blocking(move || digest(&owned)).await;
    let digest = hashed
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|source| DownloadError::Disk { path: wanted.path.clone(), source })?;
    if digest == wanted.sha256 {
        return Ok(());
    }
    Err(DownloadError::Differs { path: wanted.path.clone(), what: "its SHA-256 is another" })
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(0))?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 256 << 10]);
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(bytes) if count > 0 => hasher.update(bytes),
            _ => return Ok(hasher.finalize().into()),
        }
    }
}
