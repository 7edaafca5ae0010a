//! What is too large or too many is refused by name, and the node lives on.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
};

use serde_json::json;

use crate::support::{Node, NodeBuilder, Submit, ended_well, until};

#[test]
fn an_oversized_call_is_refused() {
    let mut node = Node::start();
    let body = node.dir().join("body");
    let name = "x".repeat(5 << 20);
    fs::write(&body, json!({ "name": name, "class": "STATE_CLASS_EPHEMERAL" }).to_string()).unwrap();
    let answer = node
        .curl()
        .header("content-type: application/json")
        .arg("--data-binary")
        .arg(format!("@{}", body.display()))
        .get("/vyr.control.v0.ControlService/CreateState");
    let (code, info) = answer.refusal();
    assert_eq!((code.as_str(), info.reason.as_str()), ("resource_exhausted", "REQUEST_TOO_LARGE"));
    assert!(node.is_alive());
    let long = format!("/traces?task={}", "x".repeat(1 << 20));
    let stream = || UnixStream::connect(node.socket()).unwrap();
    let mut raw = stream();
    // the node may hang up before it has read all of it
    let _ = write!(raw, "GET {long} HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut answer = Vec::new();
    let _ = raw.read_to_end(&mut answer);
    let line = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || line.starts_with("HTTP/1.1 4"), "{line}");
    assert_eq!(node.curl().get("/metrics?once=true").status, 200);
}

#[test]
fn garbage_is_answered_or_cut_off() {
    let mut node = Node::start();
    for bytes in [
        &b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 and so on\r\n\r\n",
    ] {
        let mut raw = UnixStream::connect(node.socket()).unwrap();
        let _ = raw.write_all(bytes);
        let _ = raw.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = raw.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"));
    }
    for (kind, body) in [
        ("application/json", &b"{"[..]),
        ("application/json", b"[]"),
        ("application/proto", b"\xff\xff\xff"),
        ("application/grpc", b"\0\xff\xff\xff\xff"),
        ("application/connect+json", b"\x02\0\0\0\x05hello"),
        ("text/plain", b"hello"),
    ] {
        let path = node.dir().join("body");
        fs::write(&path, body).unwrap();
        for call in ["SubmitTask", "StreamTraces"] {
            let answer = node
                .curl()
                .header(&format!("content-type: {kind}"))
                .arg("--data-binary")
                .arg(format!("@{}", path.display()))
                .get(&format!("/vyr.control.v0.ControlService/{call}"));
            // the streaming forms of gRPC and Connect tell errors in the body of a 200
            let told = answer.status >= 400
                || answer.headers.contains_key("grpc-status")
                || answer.text().contains("error");
            assert!(told, "{kind} {call}: {} {}", answer.status, answer.text());
        }
    }
    assert!(node.is_alive());
    assert_eq!(node.curl().get("/metrics?once=true").status, 200);
}

/// Live streams that a node serves at once (`vyr-node`'s own bound).
const MAX_STREAMS: usize = 4096;

/// One live stream by hand; returns its connection and the first line of the answer.
fn open(node: &Node) -> (UnixStream, String) {
    let mut stream = UnixStream::connect(node.socket()).unwrap();
    write!(stream, "GET /traces?follow=true HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut line = vec![0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut line).unwrap();
    (stream, String::from_utf8(line).unwrap())
}

#[test]
fn thousands_of_open_streams_are_bounded() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit }).unwrap();
    // as most shells have it: the node takes what the system would give
    let mut node = NodeBuilder::default().behind("ulimit -S -n 1024; exec \"$@\"").start();
    let mut streams = Vec::new();
    for n in 0..MAX_STREAMS {
        let (stream, line) = open(&node);
        assert_eq!(line, "HTTP/1.1 200", "stream {n}");
        streams.push(stream);
    }
    let answer = node.curl().get("/traces?follow=true");
    let (code, info) = answer.refusal();
    assert_eq!(
        (answer.status, code.as_str(), info.reason.as_str()),
        (429, "resource_exhausted", "TOO_MANY_STREAMS")
    );
    assert!(info.retry_after.is_set());
    // calls that are no streams go on as ever
    let state = json!({ "name": "s", "class": "STATE_CLASS_EPHEMERAL" });
    node.curl().call("CreateState", &state).ok();
    assert!(node.is_alive());
    drop(streams);
    until("the places are free again", || node.curl().get("/metrics?once=true").status == 200);
}

#[tokio::test]
async fn callers_take_no_descriptors_that_tasks_need() {
    let few = NodeBuilder::default().behind("ulimit -n 400; exec \"$@\"");
    let node = few.args(["--listen", "127.0.0.1:0"]).start();
    // more than the door takes; they say nothing, and have no token
    let silent: Vec<_> = (0..500).map(|_| TcpStream::connect(node.tcp()).unwrap()).collect();
    let client = node.client();
    let out = node.put("out-files");
    for _ in 0..8 {
        ended_well(&Submit::new(&out).run(&client).await);
    }
    let said = node.log();
    assert!(said.contains("`ulimit -n` bounds the connections"), "{said}");
    assert!(!said.contains("failed to accept"), "{said}");
    drop(silent);
}
