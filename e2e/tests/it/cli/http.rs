//! `http-out`: a guest reaches the authority that was granted and no other, by the API and by `vyr run`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use vyr_sdk::control::{FailureKind, Grants, HttpOutGrant, SubmitTaskRequest, TaskStatus};

use super::run::{MODES, run};
use crate::support::{Node, Submit, ended_well, guest, shown, stdout};

/// A server of this machine that answers each request with its first line; and what was asked of it.
fn server() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    // ends with the process
    thread::spawn(move || {
        for stream in listener.incoming() {
            let line = answer(stream.unwrap());
            log.lock().unwrap().push(line);
        }
    });
    (address, asked)
}

fn answer(mut stream: TcpStream) -> String {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let _headers = lines.take_while(|line| !line.is_empty()).count();
    let length = first.len();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{first}")
        .unwrap();
    first
}

#[test]
fn run_reaches_what_was_granted_and_nothing_else() {
    let node = Node::start();
    let (program, (granted, asked), (other, unasked)) = (guest("http-get"), server(), server());
    let flags = ["--http-out", &granted.to_string()];
    for mode in MODES {
        let get = |flags: &[&str], to: SocketAddr| {
            run(&node, mode, &program, flags, &[&format!("http://{to}/path?a=b")], b"")
        };
        let said = get(&flags, granted);
        let wanted = (Some(0), "status 200\nGET /path?a=b HTTP/1.1".to_owned());
        assert_eq!((said.code, said.out()), wanted, "{mode:?}: {}", said.err());
        for (flags, to) in [(&flags[..], other), (&[], granted), (&[], other)] {
            let said = get(flags, to);
            assert_eq!(said.code, Some(1), "{mode:?} {to} {flags:?}");
            assert!(said.out().contains("HttpRequestDenied"), "{mode:?} {to} {flags:?}: {}", said.out());
        }
    }
    assert_eq!(asked.lock().unwrap().len(), MODES.len());
    assert!(unasked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_submit_reaches_what_it_grants_and_nothing_else() {
    let node = Node::start();
    let ((granted, asked), (other, unasked)) = (server(), server());
    let want = format!("http-out={granted}");
    let artifact = node.put_with(&guest("http-get"), &["--want", &want]);
    let client = node.client();
    let submit = async |to: SocketAddr, grants: &[SocketAddr]| -> (Vec<String>, TaskStatus) {
        let request = request(&artifact, to, grants);
        let answer = client.submit_task(request).await.unwrap();
        (answer.not_granted, client.wait(&answer.task_id).await.unwrap())
    };
    let (missing, status) = submit(granted, &[granted]).await;
    ended_well(&status);
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(stdout(&client, &status).await, b"status 200\nGET / HTTP/1.1");
    // what the artifact asks for is told, and is no grant
    let (missing, status) = submit(granted, &[]).await;
    assert_eq!(missing, [want]);
    denied(&status, &stdout(&client, &status).await);
    let (_, status) = submit(other, &[granted]).await;
    denied(&status, &stdout(&client, &status).await);
    assert_eq!((asked.lock().unwrap().len(), unasked.lock().unwrap().len()), (1, 0));
}

fn request(artifact: &str, to: SocketAddr, grants: &[SocketAddr]) -> SubmitTaskRequest {
    let mut request = Submit::new(artifact).args([format!("http://{to}/")]).request();
    let mut resources = request.resources.as_option().cloned().unwrap_or_default();
    let http_out =
        grants.iter().map(|to| HttpOutGrant { authority: to.to_string(), ..Default::default() }).collect();
    resources.grants = Grants { http_out, ..Default::default() }.into();
    request.resources = resources.into();
    request
}

#[track_caller]
fn denied(status: &TaskStatus, out: &[u8]) {
    assert_eq!(status.failure.as_known(), Some(FailureKind::Exit), "{}", shown(status));
    let out = String::from_utf8_lossy(out);
    assert!(out.contains("HttpRequestDenied"), "{out}");
}
