//! Stopping: what is new is refused, what is in flight is finished.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::World;

#[tokio::test]
async fn a_call_in_flight_is_finished_and_new_ones_are_refused() {
    let world = World::new().await;
    let buyer = world.buyer(1).await;
    let bytes = vec![5; 1000];
    let job = world.job(world.account(1).await, &[("a", &bytes)]).await;
    let url = world.begin(&buyer.access, (job, "input", "a"), &bytes, None).await.location;
    let ready = async || world.http.get(format!("{}/readyz", world.admin())).send().await.unwrap().status();
    assert_eq!(ready().await, 200);

    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut upload = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PATCH /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 1000\r\n\r\n",
        buyer.access
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&bytes[..500]).await.unwrap();
    // a connection from before, which has made a call, so that its next one arrives at a server that stops
    let mut idle = tokio::net::TcpStream::connect(host).await.unwrap();
    let call = "POST /cyxwiz.v1.AuthService/ListSessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 2\r\n\r\n{}";
    idle.write_all(call.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");

    world.ground().drain.begin();
    assert_eq!(ready().await, 503);
    upload.write_all(&bytes[500..]).await.unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let late =
        world.http.post(format!("{}/cyxwiz.v1.AuthService/ListSessions", world.url(0))).json(&json!({}));
    assert!(late.send().await.is_err(), "nobody listens any more");
    world.close().await;
}
