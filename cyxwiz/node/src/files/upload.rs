use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cyxwiz_model::JobId;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::backoff::Backoff;
use crate::journal::{Journal, JournalError, UploadKey};
use crate::server::Server;

/// Bytes of one PATCH.
const CHUNK: u64 = 4 << 20;
/// The server's word for a digest that differs.
const CHECKSUM_MISMATCH: u16 = 460;
/// How often an upload begins anew because its digest did not hold.
const ANEW: u32 = 3;

/// Uploads an attempt's files by tus 1.0.0, going on where an earlier try ended.
#[derive(Clone)]
pub(crate) struct Tus {
    pub(crate) server: Server,
    pub(crate) journal: Arc<Journal>,
    pub(crate) job: JobId,
    pub(crate) token: String,
    /// What the uploads are part of; empty for nothing.
    pub(crate) traceparent: String,
}

/// Why a file was not uploaded. A connection that breaks is no reason: that is tried again for ever.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("the server refuses `{path}`: {status} {text}")]
    Refused { path: String, status: StatusCode, text: String },
    #[error("`{0}` does not arrive as it was sent")]
    Differs(String),
    #[error("`{path}` cannot be read")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What one exchange came to.
enum Outcome {
    /// So many bytes are there.
    At(u64),
    /// The upload is gone: begin anew.
    Gone,
    /// The digest differs: begin anew, but not for ever.
    Differs,
    /// No answer, or a busy server.
    Again,
    /// It stays refused.
    Refused(StatusCode, String),
}

impl Tus {
    /// Uploads the whole file. Ends only when the server has it, or refuses it.
    pub(crate) async fn upload(
        &self,
        key: UploadKey<'_>,
        file: Arc<File>,
        size: u64,
    ) -> Result<(), UploadError> {
        let mut location = match self.journal.upload(key)? {
            Some((_, true)) => return Ok(()),
            Some((location, false)) => Some(location),
            None => None,
        };
        let (mut backoff, mut anew, mut offset) = (Backoff::default(), 0, None);
        loop {
            let outcome = match (&location, offset) {
                (None, _) => match self.create(key, size).await {
                    Ok(created) => {
                        self.journal.set_upload(key, &created, false)?;
                        location = Some(created);
                        // it may be there already, by its digest
                        offset = None;
                        continue;
                    }
                    Err(outcome) => outcome,
                },
                (Some(at), None) => self.head(at).await,
                (Some(at), Some(from)) if from < size => self.patch(at, &file, from, size, key).await?,
                (Some(at), Some(_)) => {
                    self.journal.set_upload(key, at, true)?;
                    return Ok(());
                }
            };
            match outcome {
                Outcome::At(there) => {
                    if offset != Some(there) {
                        backoff.reset();
                    }
                    offset = Some(there.min(size));
                }
                Outcome::Gone => (location, offset) = (None, None),
                Outcome::Differs => {
                    anew += 1;
                    if anew >= ANEW {
                        return Err(UploadError::Differs(key.path.to_string()));
                    }
                    (location, offset) = (None, None);
                }
                Outcome::Again => {
                    offset = None;
                    backoff.wait(None).await;
                }
                Outcome::Refused(status, text) => {
                    return Err(UploadError::Refused { path: key.path.to_string(), status, text });
                }
            }
        }
    }

    fn request(&self, method: Method, address: &str) -> RequestBuilder {
        let request = self.server.http().request(method, self.server.address(address));
        let request = request.header("tus-resumable", "1.0.0").bearer_auth(&self.token);
        match self.traceparent.as_str() {
            "" => request,
            traceparent => request.header("traceparent", traceparent),
        }
    }

    async fn create(&self, key: UploadKey<'_>, size: u64) -> Result<String, Outcome> {
        let value = |text: &str| STANDARD.encode(text);
        let mut metadata = format!(
            "job {},kind {},path {},sha256 {}",
            value(&self.job.to_string()),
            value(key.kind),
            value(key.path.as_str()),
            value(&hex::encode(key.sha256)),
        );
        if key.kind == "checkpoint" {
            metadata.push_str(&format!(",number {}", value(&key.number.to_string())));
        }
        let request = self.request(Method::POST, "/files");
        let request = request.header("upload-length", size).header("upload-metadata", metadata);
        let response = answer(request.header(header::CONTENT_LENGTH, 0)).await?;
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        match location {
            Some(location) if response.status() == StatusCode::CREATED => Ok(location.to_owned()),
            _ => Err(Outcome::Refused(response.status(), "no Location".to_owned())),
        }
    }

    async fn head(&self, location: &str) -> Outcome {
        match answer(self.request(Method::HEAD, location)).await {
            Ok(response) => offset_of(&response),
            Err(outcome) => outcome,
        }
    }

    async fn patch(
        &self,
        location: &str,
        file: &Arc<File>,
        from: u64,
        size: u64,
        key: UploadKey<'_>,
    ) -> Result<Outcome, UploadError> {
        let length = usize::try_from(CHUNK.min(size - from)).unwrap_or(0);
        let file = Arc::clone(file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, from).map(|()| bytes)
        });
        let read = read.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let bytes = read.map_err(|source| UploadError::Read { path: key.path.to_string(), source })?;
        let checksum = format!("sha256 {}", STANDARD.encode(Sha256::digest(&bytes)));
        let request = self.request(Method::PATCH, location);
        let request = request
            .header(header::CONTENT_TYPE, "application/offset+octet-stream")
            .header("upload-offset", from)
            .header("upload-checksum", checksum)
            .body(bytes);
        Ok(match answer(request).await {
            Ok(response) => offset_of(&response),
            Err(outcome) => outcome,
        })
    }
}

async fn answer(request: RequestBuilder) -> Result<Response, Outcome> {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            tracing::debug!(%error, "an upload broke and goes on");
            return Err(Outcome::Again);
        }
    };
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status.as_u16() == CHECKSUM_MISMATCH {
        return Err(Outcome::Differs);
    }
    Err(match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Gone,
        // another offset than we thought, or another upload at work: ask
        StatusCode::CONFLICT | StatusCode::LOCKED | StatusCode::TOO_MANY_REQUESTS => Outcome::Again,
        status if status.is_server_error() => Outcome::Again,
        status => {
            let text = response.text().await.unwrap_or_default();
            Outcome::Refused(status, text.chars().filter(|c| !c.is_control()).take(200).collect())
        }
    })
}

fn offset_of(response: &Response) -> Outcome {
    let offset = response.headers().get("upload-offset").and_then(|value| value.to_str().ok()?.parse().ok());
    offset.map_or(Outcome::Again, Outcome::At)
}
