//! The real binary over TLS, with an authority that only the test knows.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::market::Market;
use crate::node::{Node, WALLET, text};

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An authority (`ca.pem`), and a certificate of it for this machine.
fn certificates(folder: &Path) -> (PathBuf, TlsAcceptor) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    std::fs::write(folder.join("extensions"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    openssl(folder, &format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"));
    openssl(folder, &format!("req {key} -subj /CN=server -keyout server.key -out server.csr"));
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem",
    );
    let chain = vec![CertificateDer::from_pem_file(folder.join("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (folder.join("ca.pem"), TlsAcceptor::from(Arc::new(config)))
}

/// TLS in front of the server, as a proxy would do it.
async fn in_front_of(market: &Market, tls: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, behind) = (listener.local_addr().unwrap(), market.0.address);
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let Ok(mut caller) = tls.accept(caller).await else { return };
                let mut server = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut caller, &mut server).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_told_of_the_authority_enrols_and_attends_over_tls() {
    let (market, folder) = (Market::start().await, tempfile::tempdir().unwrap());
    let (ca, tls) = certificates(folder.path());
    let url = format!("https://{}", in_front_of(&market, tls).await);
    let ca = ca.display().to_string();
    let common = ["install", "--server", &url, "--wallet", WALLET, "--no-service", "--no-containers"];

    let mut node = Node::new();
    let (code, _, err) = text(&node.call(&common).await);
    assert_ne!(code, Some(0), "it trusted a stranger");
    assert!(err.contains("certificate") || err.contains("UnknownIssuer"), "{err}");
    let wrong = [&common[..], &["--tls-ca", "/nowhere.pem"]].concat();
    let (_, _, err) = text(&node.call(&wrong).await);
    assert!(err.contains("/nowhere.pem"), "{err}");

    let (code, _, err) = text(&node.call(&[&common[..], &["--tls-ca", &ca]].concat()).await);
    assert_eq!(code, Some(0), "{err}");
    market.told(|told| assert_eq!(told.benchmarks.len(), 1));
    // the agent reads it from its configuration
    node.start();
    market.attended().await;
}
