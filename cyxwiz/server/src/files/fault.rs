use axum::response::{IntoResponse as _, Response};
use cyxwiz_proto::v1::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::router::refuse;
use crate::{Refusal, ServerError};

/// A request for files that is refused: a refusal, with the status that tus has for it.
#[derive(Debug)]
pub(super) struct Fault {
    refusal: Box<Refusal>,
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Fault {
    /// A refusal with a status of its own.
    pub(super) fn with(status: u16, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            refusal: Box::new(Refusal::new(reason, message)),
            status: StatusCode::from_u16(status).ok(),
            headers: Vec::new(),
        }
    }

    /// A malformed request.
    pub(super) fn bad(field: &str, message: impl std::fmt::Display) -> Self {
        Refusal::field(field, message).into()
    }

    /// Says what to do.
    pub(super) fn mend(mut self, mend: &str) -> Self {
        self.refusal.mend = mend.to_owned();
        self
    }

    /// Adds a header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    pub(super) fn into_response(self, request: &HeaderMap) -> Response {
        // said as JSON, whatever was sent
        let mut plain = HeaderMap::new();
        if let Some(accept) = request.get(http::header::ACCEPT) {
            plain.insert(http::header::ACCEPT, accept.clone());
        }
        let mut response = refuse(*self.refusal, &plain).into_response();
        if let Some(status) = self.status {
            *response.status_mut() = status;
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), status: None, headers: Vec::new() }
    }
}

impl From<ServerError> for Fault {
    fn from(error: ServerError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Refusal::from(error).into()
    }
}

impl From<object_store::Error> for Fault {
    fn from(error: object_store::Error) -> Self {
        Refusal::from(ServerError::from(error)).into()
    }
}
