//! Traces over HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use opentelemetry_http::{HttpClient, hyper::HyperClient};

use super::{ExportError, ExportOptions, sender::SendError, target::Target, tls};

#[derive(Debug)]
pub(super) struct HttpSender {
    client: Arc<dyn HttpClient>,
    target: Target,
}

impl HttpSender {
    pub(super) fn new(options: &ExportOptions, target: Target) -> Result<Self, ExportError> {
        let client = match target.is_tls() {
            true => tls::http(options, "TRACES")?,
            false => Arc::new(HyperClient::with_default_connector(options.timeout_for("TRACES"), None)),
        };
        Ok(Self { client, target })
    }

    /// Returns what the collector answers.
    pub(super) async fn send(&self, body: Bytes) -> Result<Bytes, SendError> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        request.headers_mut().clone_from(&self.target.headers);
        request.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/x-protobuf"));
        let answer = self.client.send_bytes(request).await.map_err(SendError::Http)?;
        match answer.status() {
            StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(answer.into_body()),
            status => Err(SendError::Refused(status)),
        }
    }
}
