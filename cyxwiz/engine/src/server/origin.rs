use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

/// Where a server is: scheme, host and port, as one types it and as it signs people in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    uri: Uri,
    text: String,
    domain: String,
}

/// Why an address is no server's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginError {
    #[error("`{0}` is no address of a server: write it like https://market.example or http://127.0.0.1:8420")]
    NoUrl(String),
    #[error(
        "`{0}` would send your session in clear over the network: write https://, or say --insecure-plaintext"
    )]
    InClear(String),
}

impl Origin {
    /// Scheme and authority alone.
    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Host, and the port where it is not the scheme's own: what a message to be signed names.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// Refuses to send secrets in clear to another machine.
    pub(crate) fn private(self, insecure: bool) -> Result<Self, OriginError> {
        if insecure || private(&self.uri) { Ok(self) } else { Err(OriginError::InClear(self.text)) }
    }

    /// Where an address that the server gave out leads; a path is below this server.
    pub(crate) fn resolve(&self, address: &str) -> Option<Uri> {
        if address.starts_with('/') {
            return format!("{}{address}", self.text).parse().ok();
        }
        let uri: Uri = address.parse().ok()?;
        let same = uri.scheme() == self.uri.scheme() && uri.authority() == self.uri.authority();
        (same || private(&uri)).then_some(uri)
    }
}

/// Encrypted, or on this machine.
fn private(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    uri.scheme() == Some(&Scheme::HTTPS) || (uri.scheme() == Some(&Scheme::HTTP) && here)
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || OriginError::NoUrl(text.chars().take(120).collect());
        let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| bad())?;
        let (scheme, authority) = (uri.scheme_str().ok_or_else(bad)?, uri.authority().ok_or_else(bad)?);
        let own_port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(bad()),
        };
        // a path, a query or a name with password is not part of where a server is
        if authority.as_str().contains('@') || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad());
        }
        let host = authority.host().to_ascii_lowercase();
        let domain = match authority.port_u16().filter(|port| *port != own_port) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        };
        let text = format!("{scheme}://{domain}");
        Ok(Self { uri: text.parse().map_err(|_| bad())?, text, domain })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_server_is_written_the_same() {
        for (text, shown, domain) in [
            ("http://127.0.0.1:8420/", "http://127.0.0.1:8420", "127.0.0.1:8420"),
            ("https://Market.Example:443", "https://market.example", "market.example"),
            ("https://market.example:8443", "https://market.example:8443", "market.example:8443"),
            ("http://[::1]:8420", "http://[::1]:8420", "[::1]:8420"),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!((origin.to_string().as_str(), origin.domain()), (shown, domain));
        }
        for bad in ["", "market", "ftp://x", "http://a@b", "https://x/y", "https://x?y", "127.0.0.1:8420"] {
            assert_eq!(bad.parse::<Origin>(), Err(OriginError::NoUrl(bad.to_owned())));
        }
    }

    #[test]
    fn secrets_go_in_clear_to_this_machine_alone() {
        let private = |text: &str| text.parse::<Origin>().unwrap().private(false).is_ok();
        assert!(private("http://127.0.0.1:8420") && private("http://localhost") && private("http://[::1]:1"));
        assert!(private("https://market.example"));
        assert!(!private("http://market.example") && !private("http://10.0.0.1:8420"));
        assert!("http://10.0.0.1".parse::<Origin>().unwrap().private(true).is_ok());
    }

    #[test]
    fn links_lead_to_the_server_or_to_something_encrypted() {
        let origin: Origin = "http://10.0.0.1:8420".parse().unwrap();
        let to = |address| origin.resolve(address).map(|uri| uri.to_string());
        assert_eq!(to("/files/upl_1"), Some("http://10.0.0.1:8420/files/upl_1".to_owned()));
        assert_eq!(to("http://10.0.0.1:8420/x"), Some("http://10.0.0.1:8420/x".to_owned()));
        assert_eq!(to("https://objects.example/x?y"), Some("https://objects.example/x?y".to_owned()));
        assert_eq!(to("http://objects.example/x"), None);
        assert_eq!(to("//evil.example/x").as_deref(), Some("http://10.0.0.1:8420//evil.example/x"));
    }
}
