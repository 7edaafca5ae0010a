//! An authority of a test's own, and what it certifies. Made by `openssl`, as an operator would.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// An authority in a folder.
pub(crate) struct Authority {
    folder: PathBuf,
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key"];
        // each has a name of its own
        let name = format!("/CN=authority {}", uuid::Uuid::now_v7());
        let itself = ["req", "-x509", "-days", "2", "-subj", &name, "-out", "ca.pem"];
        openssl(folder, &[&itself[..], &key[..]].concat());
        Self { folder: folder.to_owned() }
    }

    /// The file to trust.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Certificate and key for a name such as `IP:127.0.0.1`.
    pub(crate) fn certify(&self, name: &str) -> (PathBuf, PathBuf) {
        let extensions = format!("subjectAltName={name}\nbasicConstraints=CA:FALSE\n");
        std::fs::write(self.folder.join("extensions"), extensions).unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key"];
        let request = ["req", "-subj", "/CN=a server of a test", "-out", "server.csr"];
        openssl(&self.folder, &[&request[..], &key[..]].concat());
        let signed =
            ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        let what = ["-days", "2", "-extfile", "extensions", "-out", "server.pem"];
        openssl(&self.folder, &[&signed[..], &what[..]].concat());
        (self.folder.join("server.pem"), self.folder.join("server.key"))
    }

    /// A client's side of TLS that trusts this authority alone.
    pub(crate) fn client(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}
