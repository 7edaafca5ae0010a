//! TLS to a collector: to the public roots, or to the certificates that the environment names.

use std::{io, sync::Arc};

use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry_http::{HttpClient, hyper::HyperClient};
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{ExportError, ExportOptions};

/// Makes the client of a signal's HTTP exporter.
pub(super) fn http(options: &ExportOptions, signal: &str) -> Result<Arc<dyn HttpClient>, ExportError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = roots(signal)?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(ExportError::Tls)?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().build();
    Ok(Arc::new(HyperClient::new(connector, options.timeout_for(signal), None)))
}

/// Makes the TLS of a signal's gRPC exporter.
pub(super) fn grpc(signal: &str) -> Result<ClientTlsConfig, ExportError> {
    let Some(path) = ExportOptions::certificate_for(signal) else {
        return Ok(ClientTlsConfig::new().with_webpki_roots());
    };
    // the same file, read as strictly as for HTTP
    roots(signal)?;
    let pem = std::fs::read(&path).map_err(|source| ExportError::Certificate { path, source })?;
    Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
}

fn roots(signal: &str) -> Result<RootCertStore, ExportError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ExportOptions::certificate_for(signal) else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let bad = |source| ExportError::Certificate { path: path.clone(), source };
    let read = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for certificate in read.map_err(|error| bad(io::Error::other(error)))? {
        roots.add(certificate).map_err(|error| bad(io::Error::other(error)))?;
    }
    if roots.is_empty() {
        return Err(bad(io::Error::other("it holds none")));
    }
    Ok(roots)
}
