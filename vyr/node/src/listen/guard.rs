use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use connectrpc::{ConnectError, ErrorCode};
use http::{HeaderMap, header};

use super::{Token, body::ImpatientBody};
use crate::Refusal;

/// Decides who may call through one door.
#[derive(Clone)]
pub(crate) struct Guard {
    /// `None` for a Unix socket: who may open it may call.
    pub(crate) token: Option<Token>,
    /// Browser origins that may call.
    pub(crate) origins: Arc<[String]>,
}

impl Guard {
    /// Refuses callers without the token, and pages of origins that were not named.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(origin) = headers.get(header::ORIGIN) {
            let known = origin.to_str().is_ok_and(|origin| self.origins.iter().any(|known| known == origin));
            if !known {
                return Err(Refusal::new(
                    ErrorCode::PermissionDenied,
                    "ORIGIN_NOT_ALLOWED",
                    "origin",
                    "a page of this origin may not call the node",
                    "start the node with --allow-origin and the page's origin",
                ));
            }
        }
        let Some(token) = &self.token else { return Ok(()) };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.split_once(' '));
        match shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token) {
            Some(shown) if token.is(shown.trim()) => Ok(()),
            Some(_) => Err(unauthenticated("TOKEN_WRONG", "the token is wrong")),
            None => Err(unauthenticated("TOKEN_MISSING", "the call carries no token")),
        }
    }
}

fn unauthenticated(reason: &'static str, message: &'static str) -> Refusal {
    let mend = "send `authorization: Bearer` and the text of the file `token` in the node's home";
    Refusal::new(ErrorCode::Unauthenticated, reason, "authorization", message, mend)
}

/// Answers refused callers, lets the others through.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.check(request.headers()) {
        Ok(()) => next.run(request.map(|body| Body::new(ImpatientBody::new(body)))).await,
        Err(refusal) => refuse(refusal, request.headers()),
    }
}

/// Answers in the caller's protocol: Connect, gRPC, gRPC-Web, or plain JSON.
pub(crate) fn refuse(refusal: Refusal, request_headers: &HeaderMap) -> Response {
    let error = ConnectError::from(refusal);
    error.into_http_response(request_headers).map(Body::new).into_response()
}
