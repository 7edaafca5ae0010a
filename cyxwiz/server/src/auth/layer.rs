use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, header};

use super::session;
use crate::files::UPLOAD_PREFIX;
use crate::router::refuse;
use crate::{Caller, Ground, Refusal};

/// Longer tokens are not ours, and are not looked up.
const MAX_TOKEN: usize = 512;

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| token.len() <= MAX_TOKEN)
}

/// Finds out who calls, before anything else looks at the call.
pub(crate) async fn caller(State(ground): State<Ground>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match bearer(&parts.headers) {
        None if parts.headers.contains_key(header::AUTHORIZATION) => Caller::Stranger,
        None => Caller::Nobody,
        // an attempt's: /files looks at it
        Some(shown) if shown.starts_with(UPLOAD_PREFIX) => Caller::Stranger,
        Some(shown) => match session::resolve(&ground.db, shown, ground.clock.now()).await {
            Ok(caller) => caller,
            Err(error) => return refuse(Refusal::from(error), &parts.headers),
        },
    };
    // files are limited by what jobs declare, and by their own signatures
    let limited = !parts.uri.path().starts_with("/files");
    if let Some(refusal) =
        limited.then(|| ground.limits.check(&caller, &parts, ground.config.listen.behind_proxy)).flatten()
    {
        return refuse(refusal, &parts.headers);
    }
    parts.extensions.insert(caller);
    next.run(Request::from_parts(parts, body)).await
}
