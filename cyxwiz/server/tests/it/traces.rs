//! What a collector is sent by the real binary.

use std::process::{Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::sync::mpsc;

use crate::support::World;

#[tokio::test]
async fn a_call_is_a_span_below_its_callers() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let take = |State(sender): State<mpsc::UnboundedSender<Bytes>>, body: Bytes| async move {
        sender.send(body).unwrap();
    };
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(collector, router).await.unwrap() });

    let world = World::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_cyxwiz-server"))
        .args(["serve", "--admin-listen", "127.0.0.1:0", "--listen", &port.to_string(), "--data"])
        .arg(world.folder.path())
        .env("DATABASE_URL", world.database("cyxwiz"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let call = || {
        let url = format!("http://{port}/cyxwiz.v1.AuthService/ListSessions");
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        world.http.post(url).header("traceparent", trace).json(&serde_json::json!({})).send()
    };
    let mut tries = 0;
    while call().await.is_err() {
        tries += 1;
        assert!(tries < 600, "it never listened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let body = tokio::time::timeout(Duration::from_secs(30), received.recv()).await.unwrap().unwrap();
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let spans = &request.resource_spans[0];
    let service = spans.resource.as_ref().unwrap().attributes.iter().find(|pair| pair.key == "service.name");
    assert!(format!("{service:?}").contains("cyxwiz-server"));
    let span = &spans.scope_spans[0].spans[0];
    assert_eq!(span.name, "AuthService/ListSessions");
    assert_eq!(hex::encode(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex::encode(&span.parent_span_id), "b7ad6b7169203331");
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);

    Command::new("kill").arg(server.id().to_string()).status().unwrap();
    assert!(server.wait().unwrap().success());
    world.close().await;
}
