//! One pool of connections for calls, uploads and downloads, in clear or encrypted.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectrpc::client::{BoxFuture, ClientBody, ClientTransport};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// A connection that is not made by then is not made.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection is kept without a call: less than the 10 s after which a server closes it, or a call would
/// be sent into one that is being closed.
const IDLE: Duration = Duration::from_secs(5);
/// A stream may be silent for long; this finds out that its other end is gone.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The pool. Clones share it.
#[derive(Clone)]
pub(crate) struct Wire {
    client: Client<HttpsConnector<HttpConnector>, ClientBody>,
}

/// Why nothing can be encrypted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("failed to read certificates from `{path}`")]
    Certificates {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("failed to set up encryption")]
    Tls(#[from] rustls::Error),
}

impl Wire {
    /// Trusts the public authorities, and those in `ca`, a PEM file.
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self, WireError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = ca {
            add(&mut roots, path)
                .map_err(|source| WireError::Certificates { path: path.display().to_string(), source })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_LIMIT));
        http.set_keepalive(Some(KEEPALIVE));
        http.set_keepalive_interval(Some(KEEPALIVE / 3));
        http.set_keepalive_retries(Some(3));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { client })
    }

    pub(crate) async fn request(&self, request: Request<ClientBody>) -> Result<Response<Incoming>, Error> {
        self.client.request(request).await
    }
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    Ok(())
}

impl ClientTransport for Wire {
    type ResponseBody = Incoming;
    type Error = Error;

    fn send(&self, request: Request<ClientBody>) -> BoxFuture<'static, Result<Response<Incoming>, Error>> {
        let wire = self.clone();
        Box::pin(async move { wire.request(request).await })
    }
}
