//! The tus 1.0.0 endpoint: core, creation, checksum, expiration, termination.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::{any, get};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cyxwiz_model::{FileId, Moment};
use cyxwiz_proto::v1::Reason;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};

use super::Files;
use super::access::Sender;
use super::download::LinkQuery;
use super::fault::Fault;
use super::metadata::Metadata;
use super::row::Upload;
use super::sweep::ABANDONED;
use crate::{Caller, Ground, Refusal};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,checksum,expiration,termination";
/// The largest file, whatever a job may hold in all: a TiB.
const MAX_SIZE: u64 = 1 << 40;

/// Everything below `/files`.
pub(crate) fn router(ground: Ground) -> Router {
    Router::new()
        .route("/files", any(collection))
        .route("/files/{id}", get(one).fallback(one))
        .with_state(ground)
}

async fn collection(State(ground): State<Ground>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = match parts.method {
        Method::OPTIONS => Ok(options()),
        Method::POST => create(&ground, &parts).await,
        _ => Err(Fault::with(
            405,
            Reason::REASON_BAD_REQUEST,
            "POST begins an upload; OPTIONS tells what is known",
        )),
    };
    answered(answer, &parts.headers)
}

async fn one(State(ground): State<Ground>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let method = &parts.method;
    let link = Query::<LinkQuery>::try_from_uri(&parts.uri).ok();
    let answer = match id.parse::<FileId>() {
        Err(error) => Err(Fault::bad("id", error)),
        Ok(id) => match (method, link) {
            (&Method::GET | &Method::HEAD, Some(Query(link))) => read(&ground, id, &link, &parts).await,
            (&Method::GET, None) => {
                Err(Refusal::no_session("files are read by the links of a job's results").into())
            }
            (&Method::OPTIONS, _) => Ok(options()),
            (&Method::HEAD | &Method::PATCH | &Method::DELETE, _) => change(&ground, id, &parts, body).await,
            _ => Err(Fault::with(405, Reason::REASON_BAD_REQUEST, "HEAD, PATCH, DELETE, or GET with a link")),
        },
    };
    answered(answer, &parts.headers)
}

fn answered(answer: Result<Response, Fault>, headers: &HeaderMap) -> Response {
    let mut response = match answer {
        Ok(response) => response,
        Err(fault) => fault.into_response(headers),
    };
    response.headers_mut().insert("tus-resumable", http::HeaderValue::from_static(VERSION));
    response
}

fn options() -> Response {
    let builder = Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header("tus-version", VERSION)
        .header("tus-extension", EXTENSIONS)
        .header("tus-max-size", MAX_SIZE)
        .header("tus-checksum-algorithm", "sha256");
    builder.body(Body::empty()).unwrap_or_default()
}

/// Answers a link; whoever guesses at them is slowed down.
async fn read(ground: &Ground, id: FileId, link: &LinkQuery, parts: &Parts) -> Result<Response, Fault> {
    let answer = ground.files.answer(id, link, &parts.method, &parts.headers).await;
    answer.map_err(|fault| slowed(ground, parts, fault))
}

async fn create(ground: &Ground, parts: &Parts) -> Result<Response, Fault> {
    let (files, headers) = (&ground.files, &parts.headers);
    version(headers)?;
    let sender = sender(ground, parts)?;
    let size = number(headers, "upload-length")?;
    if size > MAX_SIZE {
        return Err(Fault::with(413, Reason::REASON_BAD_REQUEST, format!("at most {MAX_SIZE} bytes a file")));
    }
    let metadata = Metadata::parse(text(headers, "upload-metadata").unwrap_or_default())?;
    let upload = files.create(sender, metadata, size).await?;
    let url = ground.config.listen.public_url.as_deref().unwrap_or_default();
    let location = format!("{url}/files/{}", upload.file.id);
    described(StatusCode::CREATED, &upload)
        .header(header::LOCATION, location)
        .body(Body::empty())
        .map_err(unbuilt)
}

async fn change(ground: &Ground, id: FileId, parts: &Parts, body: Body) -> Result<Response, Fault> {
    let files = &ground.files;
    let headers = &parts.headers;
    version(headers)?;
    let sender = sender(ground, parts)?;
    let mut upload = own(files, sender, id).await?;
    match parts.method {
        Method::HEAD => {
            // its server died before it looked at the digest
            if !upload.whole && upload.received == upload.file.size {
                files.finish(&upload, None).await?;
                upload.whole = true;
            }
            let response = described(StatusCode::OK, &upload).header("upload-length", upload.file.size);
            response.header(header::CACHE_CONTROL, "no-store").body(Body::empty()).map_err(unbuilt)
        }
        Method::DELETE => {
            files.may_send(sender, upload.file.job, upload.file.kind).await?;
            files.terminate(&upload).await?;
            Response::builder().status(StatusCode::NO_CONTENT).body(Body::empty()).map_err(unbuilt)
        }
        _ => {
            files.may_send(sender, upload.file.job, upload.file.kind).await?;
            if text(headers, "content-type") != Some("application/offset+octet-stream") {
                let message = "send application/offset+octet-stream";
                return Err(Fault::with(415, Reason::REASON_BAD_REQUEST, message));
            }
            let (offset, checksum) = (number(headers, "upload-offset")?, checksum(headers)?);
            upload.received = files.append(&upload, offset, checksum, body).await?;
            described(StatusCode::NO_CONTENT, &upload).body(Body::empty()).map_err(unbuilt)
        }
    }
}

/// Who sends.
fn sender(ground: &Ground, parts: &Parts) -> Result<Sender, Fault> {
    let caller = parts.extensions.get::<Caller>().copied().unwrap_or_default();
    Sender::of(&ground.files, &caller, &parts.headers).map_err(|fault| slowed(ground, parts, fault))
}

/// A refusal that says to come back later, where this address was refused too often.
fn slowed(ground: &Ground, parts: &Parts, fault: Fault) -> Fault {
    let limited = ground.limits.check(&Caller::Nobody, parts, ground.config.listen.behind_proxy);
    limited.map_or(fault, Fault::from)
}

/// An upload of the sender's own; others do not exist for him.
async fn own(files: &Files, sender: Sender, id: FileId) -> Result<Upload, Fault> {
    let missing = || Fault::from(Refusal::not_found("file", id));
    let upload = files.upload(id).await?.ok_or_else(missing)?;
    let owned = match sender {
        Sender::Attempt(attempt) => upload.file.attempt == Some(attempt),
        Sender::Buyer(_) => upload.file.attempt.is_none() && files.owns(sender, upload.file.job).await?,
    };
    if owned { Ok(upload) } else { Err(missing()) }
}

fn described(status: StatusCode, upload: &Upload) -> http::response::Builder {
    let mut builder = Response::builder().status(status).header("upload-offset", upload.received);
    if !upload.whole {
        let expires = Moment(upload.touched_at).plus(ABANDONED).duration_since_epoch();
        let at = std::time::UNIX_EPOCH.checked_add(expires).unwrap_or(std::time::UNIX_EPOCH);
        builder = builder.header("upload-expires", http_date(at));
    }
    builder
}

/// A date as HTTP has it.
fn http_date(at: std::time::SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

trait SinceEpoch {
    fn duration_since_epoch(self) -> Duration;
}

impl SinceEpoch for Moment {
    fn duration_since_epoch(self) -> Duration {
        Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

fn unbuilt(error: http::Error) -> Fault {
    Fault::bad("request", error)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn version(headers: &HeaderMap) -> Result<(), Fault> {
    match text(headers, "tus-resumable") {
        Some(VERSION) => Ok(()),
        _ => Err(Fault::with(412, Reason::REASON_BAD_REQUEST, "say Tus-Resumable: 1.0.0")
            .header("tus-version", http::HeaderValue::from_static(VERSION))),
    }
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Fault> {
    let number = text(headers, name).and_then(|text| text.parse().ok());
    number.ok_or_else(|| Fault::bad(name, "a number of bytes"))
}

fn checksum(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Fault> {
    let Some(text) = text(headers, "upload-checksum") else { return Ok(None) };
    let digest = text.strip_prefix("sha256 ").and_then(|digest| BASE64_STANDARD.decode(digest.trim()).ok());
    let digest = digest.and_then(|digest| digest.try_into().ok());
    digest.map(Some).ok_or_else(|| Fault::bad("upload-checksum", "`sha256` and its 32 bytes in base64"))
}
