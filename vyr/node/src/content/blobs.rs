use std::{fs::File, io, ops::RangeInclusive, os::unix::fs::FileExt as _};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use connectrpc::ErrorCode;
use futures::StreamExt as _;
use http::{HeaderMap, Method, StatusCode, header};
use vyr_model::Digest;
use vyr_store::BlobDurability;

use super::Content;
use crate::{Refusal, artifacts::refuse_store, listen::refuse};

/// Bytes that one read hands on.
const CHUNK: usize = 256 * 1024;
/// Bytes of a refused blob that are still read; who sends more is cut off.
const MAX_DISCARDED: usize = 64 << 20;

/// `PUT /blobs/sha256:…`: stores the body, if it has that digest.
pub(super) async fn put(
    State(content): State<Content>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match receive(&content, &digest, &headers, body).await {
        Ok(created) => if created { StatusCode::CREATED } else { StatusCode::OK }.into_response(),
        Err(refusal) => refuse(refusal, &headers),
    }
}

async fn receive(content: &Content, digest: &str, headers: &HeaderMap, body: Body) -> Result<bool, Refusal> {
    let digest = parse(digest)?;
    let store = content.supervisor.artifacts.store().clone();
    // what says that it is too large need not come; what does not say so is counted as it comes
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    store.check_blob_size(said.unwrap_or(0)).map_err(refuse_store)?;
    let had = store.has_blob(&digest);
    let mut writer = Some(store.blob_writer(BlobDurability::Durable));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|error| broken(format!("the body broke off: {error}")))?;
        // writes to the page cache: short, and no worse than the hop to another thread
        if let Some(writer) = writer.as_mut()
            && let Err(error) = writer.append(&chunk)
        {
            discard(chunks).await;
            return Err(refuse_store(error));
        }
    }
    let stored =
        tokio::task::spawn_blocking(move || writer.take().map(|writer| writer.commit(Some(&digest))));
    match stored.await {
        Ok(Some(Ok(_))) => Ok(!had),
        Ok(Some(Err(error))) => Err(refuse_store(error)),
        Ok(None) | Err(_) => Err(Refusal::panicked(digest)),
    }
}

/// Reads on and forgets: over HTTP/1 who is still sending seldom sees an answer that came before.
async fn discard(mut rest: BodyDataStream) {
    let mut bytes = 0;
    while bytes < MAX_DISCARDED
        && let Some(Ok(chunk)) = rest.next().await
    {
        bytes += chunk.len();
    }
}

/// `GET` and `HEAD /blobs/sha256:…`, with one byte range at most.
pub(super) async fn get(
    State(content): State<Content>,
    Path(digest): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let opened = parse(&digest)
        .and_then(|digest| content.supervisor.artifacts.store().open_blob(&digest).map_err(refuse_store));
    let (file, size) = match opened {
        Ok(opened) => opened,
        Err(refusal) => return refuse(refusal, &headers),
    };
    let range = match headers.get(header::RANGE).map(|value| range(value.to_str().unwrap_or(""), size)) {
        None => None,
        Some(Some(range)) => Some(range),
        Some(None) => {
            let unsatisfied = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, unsatisfied).into_response();
        }
    };
    let (from, to) = range.as_ref().map_or((0, size), |range| (*range.start(), range.end() + 1));
    let body = if method == Method::HEAD { Body::empty() } else { read(file, from, to) };
    let mut response = Response::new(body);
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_LENGTH, (to - from).into());
    answer.insert(header::ACCEPT_RANGES, header::HeaderValue::from_static("bytes"));
    answer.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    let forever = header::HeaderValue::from_static("private, max-age=31536000, immutable");
    answer.insert(header::CACHE_CONTROL, forever);
    if range.is_some() {
        if let Ok(value) = format!("bytes {from}-{}/{size}", to - 1).parse() {
            answer.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn read(file: File, from: u64, to: u64) -> Body {
    let file = std::sync::Arc::new(file);
    Body::from_stream(futures::stream::try_unfold(from, move |at| {
        let file = std::sync::Arc::clone(&file);
        async move {
            if at >= to {
                return Ok(None);
            }
            let most = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
            let read = tokio::task::spawn_blocking(move || {
                let mut bytes = vec![0; most];
                let count = file.read_at(&mut bytes, at)?;
                bytes.truncate(count);
                Ok::<_, io::Error>(bytes)
            });
            let bytes = read.await.map_err(io::Error::other)??;
            if bytes.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            let next = at + bytes.len() as u64;
            Ok(Some((Bytes::from(bytes), next)))
        }
    }))
}

/// Parses `bytes=A-B`, `bytes=A-` or `bytes=-N`; `None` where it is not satisfiable.
fn range(text: &str, size: u64) -> Option<RangeInclusive<u64>> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let last = size.checked_sub(1)?;
    let (from, to) = match (from.trim(), to.trim()) {
        ("", suffix) => {
            let suffix: u64 = suffix.parse().ok().filter(|suffix| *suffix > 0)?;
            (size.saturating_sub(suffix), last)
        }
        (from, "") => (from.parse().ok()?, last),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.min(last)),
    };
    (from <= to).then_some(from..=to)
}

fn parse(digest: &str) -> Result<Digest, Refusal> {
    crate::rpc::parse::digest("digest", digest)
}

fn broken(message: String) -> Refusal {
    Refusal::new(ErrorCode::Aborted, "UPLOAD_BROKEN", "body", message, "send the blob again")
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_cut_to_the_blob() {
        assert_eq!(range("bytes=0-0", 10), Some(0..=0));
        assert_eq!(range("bytes=5-", 10), Some(5..=9));
        assert_eq!(range("bytes=-3", 10), Some(7..=9));
        assert_eq!(range("bytes=-30", 10), Some(0..=9));
        assert_eq!(range("bytes=8-99", 10), Some(8..=9));
        for text in ["bytes=10-", "bytes=5-4", "bytes=-0", "lines=1-2", "bytes=a-b", "bytes=0-1,3-4"] {
            assert_eq!(range(text, 10), None, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), None);
    }
}
