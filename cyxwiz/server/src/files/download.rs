use axum::body::Body;
use axum::response::Response;
use cyxwiz_model::FileId;
use cyxwiz_proto::v1::Reason;
use http::{HeaderMap, Method, StatusCode, header};

use super::Files;
use super::fault::Fault;
use super::range::{Asked, asked};
use crate::Refusal;

/// The query of a link.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkQuery {
    pub(super) expires: i64,
    pub(super) signature: String,
}

impl Files {
    /// Answers a link.
    pub(super) async fn answer(
        &self,
        id: FileId,
        link: &LinkQuery,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Fault> {
        if !self.link_holds(id, link.expires, &link.signature) {
            let refusal = Refusal::new(Reason::REASON_NO_SESSION, "the link is not good, or no longer");
            return Err(Fault::from(refusal.mend("ask for the job's results again")));
        }
        let upload = self.upload(id).await?.filter(|upload| upload.whole);
        let file = upload.ok_or_else(|| Fault::from(Refusal::not_found("file", id)))?.file;
        let tag = format!("\"{}\"", hex::encode(file.sha256));
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        // a range of another version than the caller has is the whole file
        let ranged = text(header::IF_RANGE).is_none_or(|version| version == tag);
        let asked = asked(text(header::RANGE).filter(|_| ranged), file.size);
        let (status, range) = match asked {
            Asked::Whole => (StatusCode::OK, 0..file.size),
            Asked::Bytes(range) => (StatusCode::PARTIAL_CONTENT, range),
            Asked::Outside => {
                let message = format!("the file has {} bytes", file.size);
                let range = http::HeaderValue::try_from(format!("bytes */{}", file.size));
                let fault = Fault::with(416, Reason::REASON_BAD_REQUEST, message);
                return Err(match range {
                    Ok(range) => fault.header("content-range", range),
                    Err(_) => fault,
                });
            }
        };
        let mut response = Response::builder()
            .status(status)
            .header(header::ETAG, tag)
            .header(header::ACCEPT_RANGES, "bytes")
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, range.end.saturating_sub(range.start))
            // what a buyer's script wrote must not become a page of ours
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'")
            .header(header::CONTENT_DISPOSITION, "attachment")
            .header(header::CACHE_CONTROL, "private, no-store")
            .header(header::REFERRER_POLICY, "no-referrer");
        if status == StatusCode::PARTIAL_CONTENT {
            let last = range.end.saturating_sub(1);
            response =
                response.header(header::CONTENT_RANGE, format!("bytes {}-{last}/{}", range.start, file.size));
        }
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => Body::from_stream(self.read(id, range).await?),
        };
        response.body(body).map_err(|error| Fault::bad("request", error))
    }
}
