//! What is refused before it is a call (no JSON, no such call, too large) is given an `ErrorInfo` as
//! well: the library that speaks the protocols sends a code and a message alone.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use connectrpc::{ConnectError, ErrorCode, RequestContext};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::{Refusal, listen::refuse};

/// Bytes of a refusal at most.
const MAX_REFUSAL: usize = 64 << 10;

/// What the library says of a body that broke off, with a code that blames the node.
const BROKE_OFF: &str = "failed to read request body";

/// Notes that a request became a call: what it answers from there on is the node's own.
#[derive(Clone, Default)]
struct Reached(Arc<AtomicBool>);

/// Notes that the call with this context began.
pub(super) fn reached(context: &RequestContext) {
    if let Some(reached) = context.extensions().get::<Reached>() {
        reached.0.store(true, Ordering::Relaxed);
    }
}

/// Answers what did not become a call with a whole refusal.
pub(crate) async fn complete(mut request: Request, next: Next) -> Response {
    let reached = Reached::default();
    request.extensions_mut().insert(reached.clone());
    let protocol = request.headers().get(header::CONTENT_TYPE).cloned();
    let response = next.run(request).await;
    if reached.0.load(Ordering::Relaxed) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = http_body_util::Limited::new(body, MAX_REFUSAL).collect().await else {
        return Response::from_parts(parts, Body::empty());
    };
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let bytes = collected.to_bytes();
    let (code, message) = said(parts.status, &parts.headers, &trailers, &bytes);
    let broke_off = code == ErrorCode::Internal && message.starts_with(BROKE_OFF);
    let code = if broke_off { ErrorCode::Aborted } else { sharpened(parts.status, code) };
    let headers = protocol.map(|protocol| (header::CONTENT_TYPE, protocol)).into_iter().collect();
    let (completed, body) = refuse(refusal(code, message), &headers).into_parts();
    if broke_off {
        parts.status = completed.status;
    }
    // such as `allow` and `accept-post`
    for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE] {
        parts.headers.remove(name);
    }
    parts.headers.extend(completed.headers);
    Response::from_parts(parts, body)
}

/// Reads what the library said, in whichever protocol.
fn said(status: StatusCode, headers: &HeaderMap, trailers: &HeaderMap, body: &[u8]) -> (ErrorCode, String) {
    let text = |map: &HeaderMap, name: &str| {
        map.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned)
    };
    let grpc = |name: &str| {
        text(trailers, name).or_else(|| text(headers, name)).or_else(|| {
            // gRPC-Web: the trailers are a frame of the body
            let lines = std::str::from_utf8(body.get(5..)?).ok()?;
            lines
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
                .map(str::to_owned)
        })
    };
    if let Some(code) = grpc("grpc-status").and_then(|code| ErrorCode::from_grpc_code(code.parse().ok()?)) {
        let message = grpc("grpc-message").unwrap_or_default();
        return (code, decoded(&message));
    }
    // Connect: plain, or as the last frame of a stream
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let error = json(body).or_else(|| json(body.get(5..)?)?.get("error").cloned());
    match error.and_then(|error| serde_json::from_value::<ConnectError>(error).ok()) {
        Some(error) => (error.code, error.message.unwrap_or_default()),
        None => (ErrorCode::InvalidArgument, format!("the request was refused: HTTP {status}")),
    }
}

/// Gives a refusal without a word of its own, or with a vague one, the code that it is.
const fn sharpened(status: StatusCode, code: ErrorCode) -> ErrorCode {
    match (status, code) {
        (StatusCode::METHOD_NOT_ALLOWED, _) => ErrorCode::Unimplemented,
        (_, ErrorCode::Unknown) => ErrorCode::InvalidArgument,
        _ => code,
    }
}

/// Takes percent-encoding off.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn refusal(code: ErrorCode, message: String) -> Refusal {
    let (reason, mend) = match code {
        ErrorCode::ResourceExhausted => {
            ("REQUEST_TOO_LARGE", "send at most 4 MiB; bytes move as blobs on the content plane")
        }
        ErrorCode::Unimplemented | ErrorCode::NotFound => return unknown(message),
        ErrorCode::Aborted => ("UPLOAD_BROKEN", "send the call again, with no pause of more than 30 s"),
        ErrorCode::DeadlineExceeded => ("DEADLINE_PASSED", "give the call more time"),
        _ => ("REQUEST_INVALID", "send the message that docs/api describes; the text says where it differs"),
    };
    Refusal::new(code, reason, "request", message, mend)
}

fn unknown(message: impl Into<String>) -> Refusal {
    let mend = "see docs/api: seven calls by POST in Connect (the two streams as `application/connect+json`), gRPC or gRPC-Web, and the content plane's paths";
    Refusal::new(ErrorCode::Unimplemented, "CALL_UNKNOWN", "request", message, mend)
}

/// Answers another method than a path of the content plane has.
pub(crate) async fn wrong_method(headers: HeaderMap) -> Response {
    let mut response = refuse(unknown("the path has no such method"), &headers);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}
