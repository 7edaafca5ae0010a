//! Export to a collector behind TLS, whose certificate the environment names.

use std::path::Path;

use super::collector::{Collector, Protocol, sending};
use crate::support::{Submit, ended_well, folder, self_signed, tls_proxy, until};

async fn arrive(protocol: Protocol) {
    let mut collector = Collector::new();
    collector.start();
    let dir = folder();
    let (cert, key) = self_signed(dir.path(), "collector");
    let (stranger, _) = self_signed(dir.path(), "stranger");
    let port = tls_proxy((&cert, &key), collector.port(protocol)).await;
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
