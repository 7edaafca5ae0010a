use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{ConfigError, Settings};

/// A certificate chain and its key, PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Where a server listens, and what callers call it.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// Where buyers and nodes call.
    pub address: SocketAddr,
    /// Where metrics and health are read. For the operator alone.
    pub admin: SocketAddr,
    /// TLS of the public address.
    pub tls: Option<TlsFiles>,
    /// The address that callers use, without a slash at its end; stands in links and sign-in messages. With
    /// port 0 it is found when the server listens.
    pub public_url: Option<String>,
    /// The name in sign-in messages; `None` until the server listens.
    pub domain: Option<String>,
    /// Whether `X-Forwarded-For` tells who calls.
    pub behind_proxy: bool,
    /// How long calls may take when the server stops.
    pub drain: Duration,
}

impl ListenConfig {
    pub(super) fn check(settings: &mut Settings) -> Result<Self, ConfigError> {
        let address = parse("listen", settings.listen.get_or_insert_with(|| "127.0.0.1:8420".into()))?;
        let admin = settings.admin_listen.get_or_insert_with(|| "127.0.0.1:8421".into());
        let admin = parse("admin-listen", admin)?;
        let tls = match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert: cert.into(), key: key.into() }),
            (None, None) => None,
            (Some(_), None) => return Err(ConfigError::setting("tls-cert", "give --tls-key with it")),
            (None, Some(_)) => return Err(ConfigError::setting("tls-key", "give --tls-cert with it")),
        };
        let plain = *settings.insecure_plaintext.get_or_insert(false);
        if !address.ip().is_loopback() && tls.is_none() && !plain {
            let message = "not on this machine alone: give --tls-cert and --tls-key, or --insecure-plaintext \
                           behind a proxy that does TLS";
            return Err(ConfigError::setting("listen", message));
        }
        if settings.public_url.is_none() && address.port() != 0 {
            let scheme = if tls.is_some() { "https" } else { "http" };
            settings.public_url = Some(format!("{scheme}://{address}"));
        }
        let public_url = settings.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        let domain = match (&settings.domain, &public_url) {
            (Some(domain), _) => Some(domain.clone()),
            (None, Some(url)) => Some(host_of(url)?),
            (None, None) => None,
        };
        settings.domain.clone_from(&domain);
        let behind_proxy = *settings.behind_proxy.get_or_insert(false);
        let drain = Duration::from_secs(*settings.drain_seconds.get_or_insert(20));
        Ok(Self { address, admin, tls, public_url, domain, behind_proxy, drain })
    }

    /// Fills in what only the listener knows: the port that it was given.
    #[must_use]
    pub fn listening(mut self, address: SocketAddr) -> Self {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let url = self.public_url.get_or_insert_with(|| format!("{scheme}://{address}"));
        self.domain.get_or_insert_with(|| host_of(url).unwrap_or_else(|_| address.to_string()));
        self.address = address;
        self
    }
}

fn parse(setting: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| {
        ConfigError::setting(
            setting,
            format!("`{text}` is no address: write IP:PORT, such as 127.0.0.1:8420"),
        )
    })
}

/// `host[:port]` of an http(s) URL.
fn host_of(url: &str) -> Result<String, ConfigError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest.and_then(|rest| rest.split('/').next()) {
        Some(host) if !host.is_empty() => Ok(host.to_owned()),
        _ => Err(ConfigError::setting("public-url", format!("`{url}` does not begin with http(s)://HOST"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(change: impl FnOnce(&mut Settings)) -> Result<ListenConfig, ConfigError> {
        let mut settings = Settings::default();
        change(&mut settings);
        ListenConfig::check(&mut settings)
    }

    #[test]
    fn the_open_network_wants_tls() {
        assert!(checked(|settings| settings.listen = Some("0.0.0.0:1".into())).is_err());
        let plain = |settings: &mut Settings| {
            settings.listen = Some("0.0.0.0:1".into());
            settings.insecure_plaintext = Some(true);
        };
        assert!(checked(plain).is_ok());
    }

    #[test]
    fn the_domain_follows_from_the_public_url() {
        let listen = checked(|settings| settings.public_url = Some("https://m.example/".into())).unwrap();
        assert_eq!(listen.domain.as_deref(), Some("m.example"));
        assert_eq!(listen.public_url.as_deref(), Some("https://m.example"));
    }

    #[test]
    fn port_zero_is_named_once_it_is_known() {
        let listen = checked(|settings| settings.listen = Some("127.0.0.1:0".into())).unwrap();
        assert_eq!(listen.domain, None);
        let listen = listen.listening("127.0.0.1:77".parse().unwrap());
        assert_eq!(listen.public_url.as_deref(), Some("http://127.0.0.1:77"));
        assert_eq!(listen.domain.as_deref(), Some("127.0.0.1:77"));
    }
}
