use http::{HeaderMap, HeaderName, HeaderValue, Uri, header::USER_AGENT};

use super::{
    ExportError, ExportOptions, ExportProtocol,
    options::{endpoint_of, variable},
};

const AGENT: &str = concat!("vyr-node/", env!("CARGO_PKG_VERSION"));

/// Where traces go, and what goes with each request.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
}

impl Target {
    /// Reads options and environment, as the OTLP specification has it.
    pub(super) fn of_traces(options: &ExportOptions, protocol: ExportProtocol) -> Result<Self, ExportError> {
        let text = address(
            protocol,
            options.endpoint.clone(),
            variable_alone("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
            endpoint_of("TRACES"),
        );
        let text = with_scheme(
            text,
            variable("TRACES", "INSECURE").is_some_and(|is| is.eq_ignore_ascii_case("true")),
        );
        let uri = text.parse().map_err(|source| ExportError::Endpoint { endpoint: text, source })?;
        let mut headers = headers(&variable("TRACES", "HEADERS").unwrap_or_default());
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        Ok(Self { uri, headers })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.uri.scheme() == Some(&http::uri::Scheme::HTTPS)
    }
}

fn variable_alone(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Over HTTP the address of a collector is not that of a signal, which has a path of its own. gRPC knows no such paths.
fn address(
    protocol: ExportProtocol,
    option: Option<String>,
    of_signal: Option<String>,
    of_any: Option<String>,
) -> String {
    let (default, path) = match protocol {
        ExportProtocol::Http => ("http://localhost:4318", "/v1/traces"),
        ExportProtocol::Grpc => ("http://localhost:4317", ""),
    };
    if let (None, Some(whole)) = (&option, of_signal) {
        return whole;
    }
    let base = option.or(of_any).unwrap_or_else(|| default.to_owned());
    format!("{}{path}", base.trim_end_matches('/'))
}

fn with_scheme(address: String, is_insecure: bool) -> String {
    let has_scheme = address.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']));
    match (has_scheme, is_insecure) {
        (true, _) => address,
        (false, true) => format!("http://{address}"),
        (false, false) => format!("https://{address}"),
    }
}

/// Reads `name=value,…` with values in percent-encoding; what is no header is left out.
fn headers(text: &str) -> HeaderMap {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let headers = pairs.filter_map(|(name, value)| {
        let name = name.trim().parse::<HeaderName>().ok()?;
        let value = HeaderValue::from_bytes(&percent_decoded(value.trim())).ok()?;
        Some((name, value)).filter(|(_, value)| !value.is_empty())
    });
    headers.collect()
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((&first, others)) = rest.split_first() {
        let escaped =
            others.split_first_chunk::<2>().filter(|_| first == b'%').and_then(|(digits, after)| {
                let digits = std::str::from_utf8(digits).ok()?;
                Some((u8::from_str_radix(digits, 16).ok()?, after))
            });
        let (byte, after) = escaped.unwrap_or((first, others));
        decoded.push(byte);
        rest = after;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_where_the_specification_says() {
        use ExportProtocol::{Grpc, Http};
        let some = |text: &str| Some(text.to_owned());
        for (protocol, option, of_signal, of_any, wanted) in [
            (Http, None, None, None, "http://localhost:4318/v1/traces"),
            (Grpc, None, None, None, "http://localhost:4317"),
            (Http, None, None, some("http://c:4318/"), "http://c:4318/v1/traces"),
            (Http, None, None, some("http://c/otlp"), "http://c/otlp/v1/traces"),
            (Http, None, some("http://c/as/it/is"), some("http://c"), "http://c/as/it/is"),
            (Grpc, None, some("http://c:1"), some("http://c:2"), "http://c:1"),
            (Http, some("http://o:9"), some("http://c/as/it/is"), None, "http://o:9/v1/traces"),
            (Grpc, some("http://o:9"), None, None, "http://o:9"),
        ] {
            assert_eq!(address(protocol, option, of_signal, of_any), wanted);
        }
        assert_eq!(with_scheme("c:4317".into(), true), "http://c:4317");
        assert_eq!(with_scheme("c:4317".into(), false), "https://c:4317");
        assert_eq!(with_scheme("c:4317/p://q".into(), true), "http://c:4317/p://q");
        assert_eq!(with_scheme("http://c".into(), false), "http://c");
    }

    #[test]
    fn headers_are_read_as_written() {
        let headers = headers("api-key=a%20b%3D, tenant = t=1,none=,bad name=1,odd=%zz%4");
        let read: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(read, [("api-key", "a b="), ("tenant", "t=1"), ("odd", "%zz%4")]);
    }
}
