//! One connection pool for calls and content: Unix socket, TCP or TLS behind one type.

use std::{
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use connectrpc::client::{BoxFuture, ClientBody, ClientTransport};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, connect::Connected},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use crate::{Endpoint, EndpointError, MAX_SOCKET_PATH};

/// How long a connection is kept without a call: less than the 10 s after which a node closes it, or a call would
/// be sent into one that is being closed.
const IDLE: Duration = Duration::from_secs(5);

/// The connection pool.
#[derive(Clone)]
pub(crate) struct Wire {
    client: legacy::Client<Connector, ClientBody>,
    token: Option<HeaderValue>,
}

impl Wire {
    pub(crate) fn new(endpoint: &Endpoint, ca: Option<&PathBuf>) -> io::Result<Self> {
        let (connector, token) = match endpoint {
            Endpoint::Unix(path) => (Connector::Unix(path.clone()), None),
            Endpoint::Http { authority, tls, token } => {
                let tls = if *tls { Some(tls_connector(ca)?) } else { None };
                let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(io::Error::other)?;
                value.set_sensitive(true);
                (Connector::Tcp { authority: authority.clone(), tls }, Some(value))
            }
        };
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { client, token })
    }

    pub(crate) async fn request(
        &self,
        mut request: Request<ClientBody>,
    ) -> Result<Response<Incoming>, legacy::Error> {
        if let Some(token) = &self.token {
            request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        }
        self.client.request(request).await
    }
}

impl ClientTransport for Wire {
    type ResponseBody = Incoming;
    type Error = legacy::Error;

    fn send(
        &self,
        request: Request<ClientBody>,
    ) -> BoxFuture<'static, Result<Response<Incoming>, legacy::Error>> {
        let wire = self.clone();
        Box::pin(async move { wire.request(request).await })
    }
}

/// Trusts the certificates in `ca`, a PEM file: a node's certificate is its owner's own.
fn tls_connector(ca: Option<&PathBuf>) -> io::Result<TlsConnector> {
    let path = ca.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "https needs the node's certificate: name it with --tls-ca",
        )
    })?;
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
        roots.add(cert.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[derive(Clone)]
enum Connector {
    Unix(PathBuf),
    Tcp { authority: String, tls: Option<TlsConnector> },
}

impl Connector {
    async fn connect(self) -> io::Result<TokioIo<Connection>> {
        let stream: Pin<Box<dyn Stream>> = match self {
            Self::Unix(path) if path.as_os_str().len() > MAX_SOCKET_PATH => {
                return Err(io::Error::other(EndpointError::LongSocket { path }));
            }
            Self::Unix(path) => Box::pin(UnixStream::connect(path).await?),
            Self::Tcp { authority, tls } => {
                let tcp = TcpStream::connect(&authority).await?;
                tcp.set_nodelay(true)?;
                match tls {
                    None => Box::pin(tcp),
                    Some(connector) => {
                        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
                        let host = host.trim_matches(['[', ']']).to_owned();
                        let name = ServerName::try_from(host).map_err(io::Error::other)?;
                        Box::pin(connector.connect(name, tcp).await?)
                    }
                }
            }
        };
        Ok(TokioIo::new(Connection(stream)))
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Connection>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

struct Connection(Pin<Box<dyn Stream>>);

impl legacy::connect::Connection for Connection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write_vectored(cx, bufs)
    }
}
