//! Export to a collector behind TLS, whose certificate the environment names.

use std::{path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls};

use super::collector::{Collector, Protocol, sending};
use crate::support::{Submit, ended_well, folder, self_signed, until};

/// Takes TLS off and passes the bytes on to a port; returns its own.
async fn proxy((cert, key): (&Path, &Path), to: u16) -> u16 {
    let cert = CertificateDer::from_pem_file(cert).unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config.unwrap().with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // a caller that does not trust us hangs up
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut onward = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    port
}

async fn arrive(protocol: Protocol) {
    let mut collector = Collector::new();
    collector.start();
    let dir = folder();
    let (cert, key) = self_signed(dir.path(), "collector");
    let (stranger, _) = self_signed(dir.path(), "stranger");
    let port = proxy((&cert, &key), collector.port(protocol)).await;
    let endpoint = format!("https://127.0.0.1:{port}");
    let run = async |certificate: Option<&Path>| {
        let mut node = sending(protocol, &endpoint);
        if let Some(path) = certificate {
            node = node.env("OTEL_EXPORTER_OTLP_CERTIFICATE", path.to_str().unwrap());
        }
        let node = node.start();
        let status = Submit::new(&node.put("noop")).run(&node.client()).await;
        ended_well(&status);
        (node, status.task_id)
    };
    let (_node, arrived) = run(Some(&cert)).await;
    tokio::task::spawn_blocking({
        let log = collector.log().to_owned();
        move || until("the trace arrives", || std::fs::read_to_string(&log).unwrap().contains(&arrived))
    })
    .await
    .unwrap();
    // another certificate, or the public ones: nothing is sent, and the log says it
    for certificate in [Some(stranger.as_path()), None] {
        let (node, refused) = run(certificate).await;
        let node = tokio::task::spawn_blocking(move || {
            until("the log says it", || node.log().contains("the collector does not take traces"));
            node
        });
        drop(node.await.unwrap());
        assert!(!collector.said().contains(&refused));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_arrive_over_https() {
    arrive(Protocol::Http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_arrive_over_grpc_with_tls() {
    arrive(Protocol::Grpc).await;
}

#[test]
fn a_certificate_that_is_none_is_refused_at_the_start() {
    let dir = folder();
    let file = dir.path().join("none.pem");
    std::fs::write(&file, "nothing").unwrap();
    let said = crate::support::Cli::new(dir.path())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_CERTIFICATE", &file)
        .arg("node")
        .run();
    assert_eq!(said.code, Some(1));
    assert!(
        said.err().contains("none.pem") && said.err().contains("OTEL_EXPORTER_OTLP_CERTIFICATE"),
        "{}",
        said.err()
    );
}
