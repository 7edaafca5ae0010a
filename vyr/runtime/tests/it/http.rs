use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vyr_model::{Failure, HttpOutGrant, LimitKind, Terminal};

use crate::support::{Ran, Task, guest};

/// Answers every request with `answer`; counts the connections.
async fn server(answer: impl Into<String>) -> (SocketAddr, Arc<AtomicUsize>) {
    let answer: Arc<str> = answer.into().into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (address, seen)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

async fn get(url: String, granted: &[String]) -> Ran {
    let grants: Vec<HttpOutGrant> = granted.iter().map(|grant| grant.parse().unwrap()).collect();
    Task::new(&[&url]).with(|request| request.http_out = grants).run(&guest("http-get")).await
}

#[tokio::test]
async fn a_granted_authority_answers() {
    let (address, _) = server(ok("hello from outside")).await;
    let ran = get(format!("http://{address}/x?y=1"), &[address.to_string()]).await.succeeded();
    assert_eq!(ran.stdout.text(), "status 200\nhello from outside");
}

#[tokio::test]
async fn nothing_else_is_reached() {
    let (granted, _) = server(ok("granted")).await;
    let (other, seen) = server(ok("other")).await;
    for grants in [vec![], vec![granted.to_string()], vec![format!("localhost:{}", other.port())]] {
        let ran = get(format!("http://{other}/"), &grants).await;
        ran.ended(Terminal::Failed(Failure::Exit(1)));
        assert!(ran.stdout.text().contains("HttpRequestDenied"), "{}", ran.stdout.text());
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (elsewhere, seen) = server(ok("elsewhere")).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (address, _) = server(redirect).await;
    let ran =
        get(format!("http://{address}/"), &[address.to_string(), elsewhere.to_string()]).await.succeeded();
    assert_eq!(ran.stdout.text(), "status 302\n");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_refused_connection_is_an_error_that_the_guest_sees() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ran = get(format!("http://{free}/"), &[free.to_string()]).await;
    ran.ended(Terminal::Failed(Failure::Exit(1)));
    assert!(ran.stdout.text().contains("ConnectionRefused"), "{}", ran.stdout.text());
}

#[tokio::test]
async fn a_server_that_never_answers_meets_the_time_limit() {
    let (address, _) = server("").await;
    let task = Task::new(&[&format!("http://{address}/")])
        .with(|request| request.http_out = vec![address.to_string().parse().unwrap()])
        .limits(|l| l.wall_time = Duration::from_millis(100));
    task.run(&guest("http-get")).await.limited(LimitKind::WallTime);
}
