use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connectrpc::client::{CallOptions, ClientConfig, Http2Connection, SharedHttp2Connection};
use cyxwiz_proto::v1::{AuthServiceClient, NodeServiceClient};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{kept::Kept, session::Session, tls};
use crate::config::{ConfigError, server_uri};
use crate::error::CliError;
use crate::identity::Identity;

/// Time for one call.
const CALL_TIME: Duration = Duration::from_secs(20);
/// How often a quiet connection is asked whether it lives, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_TIME: Duration = Duration::from_secs(10);
/// Time without a byte after which a transfer of a file is tried anew.
const READ_TIME: Duration = Duration::from_secs(30);
/// Calls that wait for the connection.
const WAITING: usize = 256;
/// The largest answer.
const MAX_ANSWER: usize = 16 << 20;

/// A connection to the server. Clones share it, and its session.
#[derive(Clone)]
pub(crate) struct Server(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) base: Uri,
    pub(super) host: String,
    pub(super) nodes: NodeServiceClient<SharedHttp2Connection>,
    pub(super) auth: AuthServiceClient<SharedHttp2Connection>,
    pub(super) identity: Identity,
    pub(super) session: tokio::sync::Mutex<Option<Session>>,
    /// Where the session outlasts the process.
    pub(super) kept: Option<Kept>,
    http: reqwest::Client,
}

impl Server {
    /// Prepares the connection; connects at the first call. Authorities in `ca` are trusted beside the public ones. Needs a
    /// tokio runtime.
    pub(crate) fn new(server: &str, ca: Option<&Path>, identity: Identity) -> Result<Self, CliError> {
        Self::open(server, ca, identity, None)
    }

    /// The same for a command of many: its session is kept in a file, for the next one.
    pub(crate) fn of_command(
        server: &str,
        ca: Option<&Path>,
        identity: Identity,
        session: PathBuf,
    ) -> Result<Self, CliError> {
        let kept = Kept::new(session, server.to_owned(), identity.address());
        Self::open(server, ca, identity, Some(kept))
    }

    fn open(
        server: &str,
        ca: Option<&Path>,
        identity: Identity,
        kept: Option<Kept>,
    ) -> Result<Self, CliError> {
        let base = server_uri(server)?;
        let host = base.host().ok_or_else(|| ConfigError::Server(server.to_owned()))?.to_owned();
        let connection = connect(&base, &host, ca)?.shared(WAITING);
        let config = ClientConfig::new(base.clone()).with_default_max_message_size(MAX_ANSWER);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(ca)?)
            .connect_timeout(CALL_TIME)
            .read_timeout(READ_TIME)
            // less than the 10 s after which a server closes a connection without calls
            .pool_idle_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::limited(3))
            .build()
            .map_err(io::Error::other)?;
        Ok(Self(Arc::new(Inner {
            base,
            host,
            nodes: NodeServiceClient::new(connection.clone(), config.clone()),
            auth: AuthServiceClient::new(connection, config),
            identity,
            session: tokio::sync::Mutex::default(),
            kept,
            http,
        })))
    }

    /// The client for files; it sends no token by itself.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// An address at the server: `path` may be a whole one.
    pub(crate) fn address(&self, path: &str) -> String {
        if path.starts_with("http://") || path.starts_with("https://") {
            return path.to_owned();
        }
        let base = self.0.base.to_string();
        format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/'))
    }

    /// Options of a call without a session.
    pub(super) fn plain(&self) -> CallOptions {
        CallOptions::default().with_timeout(CALL_TIME)
    }

    /// Options of a call with one.
    pub(super) fn options(&self, token: &str) -> CallOptions {
        self.plain().with_header("authorization", format!("Bearer {token}"))
    }

    /// Options of the long stream.
    pub(super) fn stream_options(token: &str) -> CallOptions {
        CallOptions::default().with_header("authorization", format!("Bearer {token}"))
    }
}

fn connect(base: &Uri, host: &str, ca: Option<&Path>) -> io::Result<Http2Connection> {
    let builder = Http2Connection::builder()
        .establishment_timeout(Duration::from_secs(10))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIME);
    if base.scheme_str() != Some("https") {
        return Ok(builder.lazy_plaintext(base.clone()));
    }
    let mut config = tls::client_config(ca)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
    let authority = format!("{host}:{}", base.port_u16().unwrap_or(443));
    let dial = tower::service_fn(move |_: Uri| {
        let (connector, name, authority) = (connector.clone(), name.clone(), authority.clone());
        async move {
            let tcp = TcpStream::connect(&authority).await?;
            tcp.set_nodelay(true)?;
            Ok::<_, io::Error>(TokioIo::new(connector.connect(name, tcp).await?))
        }
    });
    Ok(builder.lazy_with_connector(dial, base.clone()))
}
