//! Links and a small tus 1.0 endpoint.

use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::market::Market;

#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) job: String,
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) number: String,
    pub(crate) sha256: String,
    pub(crate) length: usize,
    pub(crate) content: Vec<u8>,
    pub(crate) patches: usize,
}

impl Upload {
    pub(crate) fn done(&self) -> bool {
        self.content.len() == self.length && hex::encode(Sha256::digest(&self.content)) == self.sha256
    }
}

pub(crate) fn router(market: Market) -> Router {
    Router::new()
        .route("/objects/{name}", get(object))
        .route("/files", post(create))
        .route("/files/{id}", get(head).head(head).patch(patch))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(market)
}

async fn object(State(market): State<Market>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(content) = market.told(|told| told.inputs.get(&name).cloned()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let from = headers.get("range").and_then(|range| {
        range.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok()
    });
    let rest = content[from.unwrap_or(0)..].to_vec();
    let status = if from.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let breaks = market
        .0
        .break_downloads
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
    if breaks.is_ok() {
        let half = rest[..rest.len() / 2].to_vec();
        let parts = [Ok(Bytes::from(half)), Err(std::io::Error::other("cut"))];
        return (status, Body::from_stream(futures::stream::iter(parts))).into_response();
    }
    (status, rest).into_response()
}

async fn create(State(market): State<Market>, headers: HeaderMap) -> Response {
    if market.is_down() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if text("authorization") != "Bearer upload" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!(text("tus-resumable"), "1.0.0");
    let mut upload = Upload { length: text("upload-length").parse().unwrap(), ..Upload::default() };
    for pair in text("upload-metadata").split(',') {
        let (name, value) = pair.split_once(' ').unwrap();
        let value = String::from_utf8(STANDARD.decode(value).unwrap()).unwrap();
        match name {
            "job" => upload.job = value,
            "kind" => upload.kind = value,
            "path" => upload.path = value,
            "number" => upload.number = value,
            "sha256" => upload.sha256 = value,
            other => panic!("{other}"),
        }
    }
    let id = market.change(|told| {
        told.uploads.push(upload);
        told.uploads.len() - 1
    });
    (StatusCode::CREATED, [("location", format!("/files/{id}"))]).into_response()
}

async fn head(State(market): State<Market>, Path(id): Path<usize>) -> Response {
    if market.is_down() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let there = market.told(|told| told.uploads.get(id).map(|upload| upload.content.len()));
    there.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |there| (StatusCode::OK, [("upload-offset", there.to_string())]).into_response(),
    )
}

async fn patch(
    State(market): State<Market>,
    Path(id): Path<usize>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if market.is_down() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(text("content-type"), "application/offset+octet-stream");
    assert_eq!(text("upload-checksum"), format!("sha256 {}", STANDARD.encode(Sha256::digest(&body))));
    let offset: usize = text("upload-offset").parse().unwrap();
    let most = market.0.break_uploads.load(Ordering::Acquire) as usize;
    market.change(|told| {
        let upload = &mut told.uploads[id];
        if offset != upload.content.len() {
            return StatusCode::CONFLICT.into_response();
        }
        upload.patches += 1;
        if most > 0 && body.len() > most {
            upload.content.extend_from_slice(&body[..most]);
            return StatusCode::BAD_GATEWAY.into_response();
        }
        upload.content.extend_from_slice(&body);
        if upload.content.len() == upload.length && !upload.done() {
            return StatusCode::from_u16(460).unwrap().into_response();
        }
        (StatusCode::NO_CONTENT, [("upload-offset", upload.content.len().to_string())]).into_response()
    })
}
