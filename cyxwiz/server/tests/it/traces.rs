//! What a collector is sent by the real binary.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Collector, World};

#[tokio::test]
async fn a_call_is_a_span_below_its_callers() {
    let collector = Collector::start().await;
    let world = World::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_cyxwiz-server"))
        .args(["serve", "--admin-listen", "127.0.0.1:0", "--listen", &port.to_string(), "--data"])
        .arg(world.folder.path())
        .env("DATABASE_URL", world.database("cyxwiz"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
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
    // stopped at once: what waits for its batch is sent on the way out
    Command::new("kill").arg(server.id().to_string()).status().unwrap();
    assert!(server.wait().unwrap().success());
    let told = collector.until("0af7651916cd43dd8448eb211c80319c", |told| !told.is_empty()).await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(
        (told[0].service.as_str(), told[0].span.name.as_str()),
        ("cyxwiz-server", "AuthService/ListSessions")
    );
    assert_eq!(told[0].parent(), "b7ad6b7169203331");
    assert!(told[0].span.end_time_unix_nano >= told[0].span.start_time_unix_nano);
    world.close().await;
}
