use std::{pin::Pin, time::Duration};

use http_body_util::BodyExt;
use vyr_model::HttpOutGrant;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiHttpHooks, default_send_request, p2::bindings::http::types::ErrorCode,
};

/// Time to connect, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time to the response's first byte, and between any two bytes of its body.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Sends a guest's HTTP requests to the authorities it was granted. Follows no redirects.
pub(crate) struct Outbound {
    granted: Vec<HttpOutGrant>,
}

impl Outbound {
    pub(crate) fn new(granted: Vec<HttpOutGrant>) -> Self {
        Self { granted }
    }

    fn is_granted(&self, uri: &http::Uri) -> bool {
        let Some(host) = uri.host() else { return false };
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        self.granted.iter().any(|grant| grant.port == port && grant.host.eq_ignore_ascii_case(host))
    }
}

type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, Error>;
type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<Body>, Io), Error>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<Body>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if !self.is_granted(request.uri()) {
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        }
        let options = bounded(options.unwrap_or_default());
        Box::new(async move {
            // the connection's own timeouts leave the TLS handshake out
            let whole = CONNECT_TIMEOUT.saturating_mul(2).saturating_add(READ_TIMEOUT);
            let sending: Pin<Box<_>> = Box::pin(default_send_request(request, Some(options)));
            let (response, io) =
                tokio::time::timeout(whole, sending).await.map_err(|_| Error::ConnectionTimeout)??;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as Io))
        })
    }

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        ErrorCode::HttpProtocolError
    }

    fn p2_error_from_connect(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::ConnectionRefused
    }

    fn p2_error_from_tls(&mut self, _: &std::io::Error) -> ErrorCode {
        ErrorCode::TlsProtocolError
    }
}

/// The guest may ask for less time than we give, not for more.
fn bounded(asked: RequestOptions) -> RequestOptions {
    let at_most = |asked: Option<Duration>, most: Duration| Some(asked.map_or(most, |asked| asked.min(most)));
    RequestOptions {
        connect_timeout: at_most(asked.connect_timeout, CONNECT_TIMEOUT),
        first_byte_timeout: at_most(asked.first_byte_timeout, READ_TIMEOUT),
        between_bytes_timeout: at_most(asked.between_bytes_timeout, READ_TIMEOUT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_granted_authority_is_reached() {
        let outbound = Outbound::new(vec![
            "api.example:443".parse().unwrap(),
            "[::1]:8080".parse().unwrap(),
            "plain.example:80".parse().unwrap(),
        ]);
        for (uri, granted) in [
            ("https://api.example/x", true),
            ("https://API.example:443/x", true),
            ("http://api.example/x", false),
            ("https://api.example:444/", false),
            ("https://api.example.evil/", false),
            ("https://api.example@evil.example/", false),
            ("https://evil.example/?api.example:443", false),
            ("http://[::1]:8080/", true),
            ("http://plain.example/", true),
            ("https://plain.example/", false),
        ] {
            assert_eq!(outbound.is_granted(&uri.parse().unwrap()), granted, "{uri}");
        }
    }
}
