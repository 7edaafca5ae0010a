use std::collections::HashMap;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, head, post};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::Shared;

pub(crate) struct Upload {
    pub(crate) job: String,
    pub(crate) path: String,
    pub(crate) data: Vec<u8>,
    length: usize,
    sha256: String,
}

impl Upload {
    pub(crate) fn whole(&self) -> bool {
        self.data.len() == self.length
    }
}

pub(super) fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/files", post(create))
        .route("/files/{id}", head(offset).patch(piece))
        .route("/outputs/{number}", get(output))
        .layer(DefaultBodyLimit::max(16 << 20))
        .with_state(shared)
}

fn allowed(shared: &Shared, headers: &HeaderMap) -> bool {
    let header = headers.get("authorization").and_then(|header| header.to_str().ok());
    header.is_some_and(|header| shared.bearer(header).is_some())
        && headers.get("tus-resumable").is_some_and(|version| version == "1.0.0")
}

async fn create(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !allowed(&shared, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let metadata: HashMap<String, String> = text("upload-metadata")
        .split(',')
        .map(|pair| {
            let (name, value) = pair.split_once(' ').unwrap();
            let value = String::from_utf8(BASE64_STANDARD.decode(value).unwrap()).unwrap();
            (name.to_owned(), value)
        })
        .collect();
    assert_eq!(metadata["kind"], "input");
    let mut state = shared.state();
    let length: usize = text("upload-length").parse().unwrap();
    let declared = &state.jobs[&metadata["job"]].files;
    assert!(declared.iter().any(|file| file.path == metadata["path"] && file.size == length as u64));
    let (path, sha256, job) = (metadata["path"].clone(), metadata["sha256"].clone(), metadata["job"].clone());
    // the same file of the same job is the same upload
    let same = |upload: &Upload| (&upload.job, &upload.path, &upload.sha256) == (&job, &path, &sha256);
    let found = state.uploads.iter().find(|(_, upload)| same(upload)).map(|(id, _)| id.clone());
    let id = found.unwrap_or_else(|| format!("fil_{}", state.uploads.len()));
    let upload = state.uploads.entry(id.clone());
    let upload = upload.or_insert(Upload { job, path, data: vec![], length, sha256 });
    let headers = [("location", format!("/files/{id}")), ("upload-offset", upload.data.len().to_string())];
    (StatusCode::CREATED, headers).into_response()
}

async fn offset(State(shared): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if !allowed(&shared, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match shared.state().uploads.get(&id) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(upload) => (StatusCode::OK, [("upload-offset", upload.data.len().to_string())]).into_response(),
    }
}

async fn piece(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !allowed(&shared, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let stalled = {
        let mut state = shared.state();
        let offset: usize = headers["upload-offset"].to_str().unwrap().parse().unwrap();
        let checksum = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&body)));
        assert_eq!(headers["upload-checksum"], checksum);
        let (broken, stall) = (state.broken_pieces > 0, state.stall_after);
        let Some(upload) = state.uploads.get_mut(&id) else { return StatusCode::NOT_FOUND.into_response() };
        if offset != upload.data.len() {
            return StatusCode::CONFLICT.into_response();
        }
        let path = upload.path.clone();
        let kept = if broken { body.len() / 2 } else { body.len() };
        upload.data.extend_from_slice(&body[..kept]);
        let have = upload.data.len();
        let wrong = upload.whole() && hex::encode(Sha256::digest(&upload.data)) != upload.sha256;
        if wrong {
            upload.data.clear();
        }
        state.pieces.push((path, offset as u64, body.len()));
        if broken {
            state.broken_pieces -= 1;
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        if wrong {
            return StatusCode::from_u16(460).unwrap().into_response();
        }
        if stall.is_none_or(|after| (have as u64) < after) {
            return (StatusCode::NO_CONTENT, [("upload-offset", have.to_string())]).into_response();
        }
        true
    };
    assert!(stalled);
    std::future::pending().await
}

async fn output(State(shared): State<Shared>, Path(number): Path<usize>, headers: HeaderMap) -> Response {
    let mut state = shared.state();
    let range = headers.get("range").and_then(|range| range.to_str().ok()).unwrap_or_default().to_owned();
    let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    state.ranges.push(range);
    let mut bytes = state.outputs[number].1.clone();
    if state.rotten > 0 {
        state.rotten -= 1;
        bytes[0] ^= 1;
    }
    let rest = bytes[from..].to_vec();
    let status = StatusCode::PARTIAL_CONTENT;
    match state.cut_download.take_if(|most| *most < rest.len()) {
        None => (status, rest).into_response(),
        Some(most) => {
            let some = Bytes::copy_from_slice(&rest[..most]);
            // what is there goes out before the cut
            let cut = futures::stream::unfold(Some(some), |some| async {
                match some {
                    Some(bytes) => Some((Ok(bytes), None)),
                    None => {
                        tokio::task::yield_now().await;
                        Some((Err(std::io::Error::other("cut")), None))
                    }
                }
            });
            let length = [("content-length", rest.len().to_string())];
            (status, length, Body::from_stream(cut)).into_response()
        }
    }
}
