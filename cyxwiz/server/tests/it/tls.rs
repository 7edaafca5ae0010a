//! The server's own TLS, with an authority that only the test knows.

use std::sync::Arc;

use connectrpc::client::{ClientConfig, Http2Connection};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::attend_response::Message;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio_rustls::TlsConnector;

use crate::support::{Authority, Key, World};

async fn world() -> (tempfile::TempDir, Authority, World) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let (cert, key) = authority.certify("IP:127.0.0.1");
    let world = World::with(1, |settings| {
        settings.tls_cert = Some(cert.display().to_string());
        settings.tls_key = Some(key.display().to_string());
    })
    .await;
    (folder, authority, world)
}

/// A client for JSON calls and files.
fn http(tls: &rustls::ClientConfig) -> reqwest::Client {
    reqwest::Client::builder().tls_backend_preconfigured(tls.clone()).http1_only().build().unwrap()
}

#[tokio::test]
async fn who_trusts_the_authority_signs_in() {
    let (_folder, authority, mut world) = world().await;
    let url = world.url(0);
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    world.http = http(&authority.client());
    let session = world.sign_in(&Key::of(1), "ROLE_BUYER").await;
    assert!(world.is_good(&session.access).await);
    let platform = world.call("PaymentService/GetPlatform", json!({}), None).await;
    assert_eq!(platform.status, 200);
    world.close().await;
}

#[tokio::test]
async fn who_does_not_trust_it_or_speaks_in_clear_gets_nothing() {
    let (_folder, _authority, world) = world().await;
    let other_folder = tempfile::tempdir().unwrap();
    let other = Authority::new(other_folder.path());
    let get = async |client: &reqwest::Client, url: String| client.get(url).send().await;
    let stranger = http(&other.client());
    let refused = get(&stranger, world.url(0)).await.unwrap_err();
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
    // in clear: not one byte of HTTP comes back
    let plain = reqwest::Client::new();
    assert!(get(&plain, world.url(0).replace("https", "http")).await.is_err());
    world.close().await;
}

#[tokio::test]
async fn a_node_attends_over_tls() {
    let (_folder, authority, mut world) = world().await;
    world.http = http(&authority.client());
    let session = world.sign_in(&Key::of(3), "ROLE_NODE").await;
    let mut tls = (*authority.client()).clone();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(tls));
    let authority_of = world.url(0).trim_start_matches("https://").to_owned();
    let dial = tower::service_fn(move |_: http::Uri| {
        let (connector, to) = (connector.clone(), authority_of.clone());
        async move {
            let tcp = tokio::net::TcpStream::connect(&to).await?;
            let name = ServerName::try_from("127.0.0.1").unwrap();
            Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, tcp).await?))
        }
    });
    let uri: http::Uri = world.url(0).parse().unwrap();
    let connection = Http2Connection::builder().lazy_with_connector(dial, uri.clone()).shared(8);
    let config =
        ClientConfig::new(uri).with_default_header("authorization", format!("Bearer {}", session.access));
    let node = v1::NodeServiceClient::new(connection, config);
    let (mut send, mut receive) = node.attend().await.unwrap().into_split();
    let hello = v1::Hello { agent_version: "test".to_owned(), ..Default::default() };
    send.send(v1::AttendRequest { message: Some(hello.into()), ..Default::default() }).await.unwrap();
    let first = receive.message().await.unwrap().unwrap().to_owned_message().message;
    assert!(matches!(first, Some(Message::Welcome(_))), "{first:?}");
    let beat = v1::Beat { seq: 1, ..Default::default() };
    send.send(v1::AttendRequest { message: Some(beat.into()), ..Default::default() }).await.unwrap();
    let second = receive.message().await.unwrap().unwrap().to_owned_message().message;
    assert!(matches!(second, Some(Message::Pulse(_))), "{second:?}");
    drop((send, receive));
    world.close().await;
}
