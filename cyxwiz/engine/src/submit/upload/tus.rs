use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use connectrpc::client::full_body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use indicatif::ProgressBar;

use super::piece;
use crate::error::CliError;
use crate::folder::Digested;
use crate::server::{Buyer, plain};

/// A request that is not answered by then counts as lost.
const LIMIT: Duration = Duration::from_secs(120);
/// Failures in a row without one byte of progress: about a minute of trying.
const PATIENCE: u32 = 12;
/// How tus says that a checksum does not hold.
const MISMATCH: u16 = 460;
/// How often a file is sent anew because of that.
const RESTARTS: u32 = 2;
/// What a refusal may say.
const MAX_WORDS: usize = 4096;

/// One file on its way to the server.
pub(super) struct Upload<'a> {
    pub(super) buyer: &'a Buyer,
    pub(super) job: &'a str,
    pub(super) file: &'a Digested,
    pub(super) bar: &'a ProgressBar,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    words: String,
}

impl Answer {
    fn offset(&self) -> Option<u64> {
        self.headers.get("upload-offset")?.to_str().ok()?.parse().ok()
    }
}

impl Upload<'_> {
    /// Sends everything that the server has not yet.
    pub(super) async fn run(self) -> Result<(), CliError> {
        let size = self.file.file.size;
        let (mut place, mut at) = self.begin().await?;
        let (mut failures, mut restarts, mut shown) = (0, 0, 0_u64);
        loop {
            self.bar.inc(at.saturating_sub(shown));
            shown = shown.max(at);
            if at >= size {
                return Ok(());
            }
            let answer = self.piece(&place, at).await?;
            let known = match answer.as_ref().map(|answer| (answer.status, answer.offset())) {
                Some((StatusCode::NO_CONTENT, Some(next))) if next > at => {
                    (at, failures) = (next, 0);
                    continue;
                }
                Some((StatusCode::UNAUTHORIZED, _)) => {
                    self.buyer.reauthorize().await?;
                    Some(at)
                }
                Some((StatusCode::NOT_FOUND | StatusCode::GONE, _)) => None,
                // a piece was hurt on its way, or the whole file is not what was announced: then it begins again
                Some((status, _)) if status.as_u16() == MISMATCH => {
                    restarts += 1;
                    if restarts > RESTARTS {
                        return Err(CliError::Changed { path: self.name() });
                    }
                    self.offset(&place).await?
                }
                Some((StatusCode::CONFLICT, _)) => self.offset(&place).await?,
                Some((status, _)) if !passing(status) => return Err(self.refused(answer)),
                _ => self.offset(&place).await?,
            };
            failures += 1;
            if failures > PATIENCE {
                return Err(CliError::Cut { path: self.name() });
            }
            pause(failures).await;
            match known {
                Some(known) => at = known,
                None => (place, at) = self.begin().await?,
            }
        }
    }

    /// Where the file goes and how much of it is there: the server finds what an earlier command began.
    async fn begin(&self) -> Result<(String, u64), CliError> {
        let encode = |text: &str| BASE64_STANDARD.encode(text);
        let metadata = format!(
            "job {},kind {},path {},sha256 {}",
            encode(self.job),
            encode("input"),
            encode(self.file.file.path.as_str()),
            encode(&hex::encode(self.file.sha256)),
        );
        let mut failures = 0;
        loop {
            let request = Request::post(self.uri("/files")?)
                .header("upload-length", self.file.file.size)
                .header("upload-metadata", &metadata);
            match self.send(request, Bytes::new()).await? {
                Some(answer) if answer.status == StatusCode::CREATED => {
                    let place = answer.headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
                    let place = place.ok_or(CliError::Broken("an upload without an address"))?.to_owned();
                    let at = match answer.offset() {
                        Some(at) => Some(at),
                        None => self.offset(&place).await?,
                    };
                    return Ok((place, at.unwrap_or(0)));
                }
                Some(answer) if answer.status == StatusCode::UNAUTHORIZED => self.buyer.reauthorize().await?,
                Some(answer) if !passing(answer.status) => return Err(self.refused(Some(answer))),
                _ => {}
            }
            failures += 1;
            if failures > PATIENCE {
                return Err(CliError::Cut { path: self.name() });
            }
            pause(failures).await;
        }
    }

    /// How much the server has; nothing where it does not know the upload.
    async fn offset(&self, place: &str) -> Result<Option<u64>, CliError> {
        let mut failures = 0;
        loop {
            let request = Request::builder().method(Method::HEAD).uri(self.uri(place)?);
            match self.send(request, Bytes::new()).await? {
                Some(answer) if answer.status.is_success() => return Ok(answer.offset()),
                Some(Answer { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. }) => return Ok(None),
                Some(answer) if answer.status == StatusCode::UNAUTHORIZED => self.buyer.reauthorize().await?,
                Some(answer) if !passing(answer.status) => return Err(self.refused(Some(answer))),
                _ => {}
            }
            failures += 1;
            if failures > PATIENCE {
                return Err(CliError::Cut { path: self.name() });
            }
            pause(failures).await;
        }
    }

    async fn piece(&self, place: &str, offset: u64) -> Result<Option<Answer>, CliError> {
        let disk = self.file.file.disk.clone();
        let (bytes, checksum) =
            piece::read(disk, offset).await.map_err(|_| CliError::Changed { path: self.name() })?;
        if bytes.is_empty() {
            return Err(CliError::Changed { path: self.name() });
        }
        let request = Request::patch(self.uri(place)?)
            .header("upload-offset", offset)
            .header("upload-checksum", checksum)
            .header(header::CONTENT_TYPE, "application/offset+octet-stream");
        self.send(request, bytes).await
    }

    /// Nothing where the connection broke.
    async fn send(&self, request: http::request::Builder, body: Bytes) -> Result<Option<Answer>, CliError> {
        let request = request
            .header("tus-resumable", "1.0.0")
            .header(header::AUTHORIZATION, self.buyer.authorization().await?)
            .body(full_body(body))
            .map_err(|_| CliError::Broken("an address that is none"))?;
        let exchange = async {
            let answer = self.buyer.server.wire.request(request).await.ok()?;
            let (parts, body) = answer.into_parts();
            let words = Limited::new(body, MAX_WORDS).collect().await.ok().map(|words| words.to_bytes());
            let words = String::from_utf8_lossy(&words.unwrap_or_default()).into_owned();
            Some(Answer { status: parts.status, headers: parts.headers, words })
        };
        Ok(tokio::time::timeout(LIMIT, exchange).await.ok().flatten())
    }

    /// An address of the server's own, below the origin that was named: a session goes nowhere else.
    fn uri(&self, address: &str) -> Result<http::Uri, CliError> {
        let path = address.parse::<http::Uri>().ok().and_then(|uri| uri.into_parts().path_and_query);
        let uri = path.and_then(|path| self.buyer.server.origin.resolve(path.as_str()));
        uri.ok_or(CliError::Broken("an address that is none"))
    }

    fn refused(&self, answer: Option<Answer>) -> CliError {
        let why = answer.map_or_else(String::new, |answer| {
            let said: Option<serde_json::Value> = serde_json::from_str(&answer.words).ok();
            let words =
                said.as_ref().and_then(|said| said.get("message")?.as_str()).unwrap_or(&answer.words).trim();
            if words.is_empty() { answer.status.to_string() } else { plain(words) }
        });
        CliError::Upload { path: self.name(), why }
    }

    fn name(&self) -> String {
        self.file.file.path.to_string()
    }
}

/// What may be otherwise in a moment.
fn passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::LOCKED)
}

async fn pause(failures: u32) {
    let most = Duration::from_secs(8);
    let growing = Duration::from_millis(100).saturating_mul(1 << failures.min(10));
    tokio::time::sleep(growing.min(most)).await;
}
