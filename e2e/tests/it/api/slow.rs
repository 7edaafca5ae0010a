//! Clients that hold a connection and send nothing, or next to nothing.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::support::{Curl, Node};

/// Longer than the node allows for headers (10 s) or for a body's next byte (30 s).
const PATIENCE: Duration = Duration::from_secs(75);

/// Reads until the node cuts the connection; returns what it said before.
fn cut(mut stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return said,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("still connected after {PATIENCE:?}");
            }
            Err(_) => return said,
        }
    }
}

/// Opens connections that each send `bytes` and then nothing, and calls as others do until all
/// of them were cut.
fn hold(node: &Node, bytes: &[u8]) -> Vec<Vec<u8>> {
    const HELD: usize = 64;
    let streams: Vec<_> = (0..HELD)
        .map(|_| {
            let mut stream = TcpStream::connect(node.tcp()).unwrap();
            stream.write_all(bytes).unwrap();
            stream
        })
        .collect();
    let readers: Vec<_> = streams.into_iter().map(|stream| thread::spawn(|| cut(stream))).collect();
    let mut served = 0;
    let began = Instant::now();
    while readers.iter().any(|reader| !reader.is_finished()) {
        let answer = Curl::new(format!("http://{}", node.tcp()))
            .header(&format!("authorization: Bearer {}", node.token()))
            .get("/metrics?once=true");
        assert_eq!(answer.status, 200);
        served += 1;
        assert!(began.elapsed() < PATIENCE * 2);
    }
    assert!(served > 0, "others were served meanwhile");
    readers.into_iter().map(|reader| reader.join().unwrap()).collect()
}

#[test]
fn half_a_header_is_cut_off() {
    hold(
        &Node::with(["--listen", "127.0.0.1:0"]),
        b"POST /vyr.control.v0.ControlService/SubmitTask HTTP/1.1\r\nhost:",
    );
}

#[test]
fn not_a_single_byte_is_cut_off() {
    hold(&Node::with(["--listen", "127.0.0.1:0"]), b"");
}

#[test]
fn half_an_http2_preface_is_cut_off() {
    hold(&Node::with(["--listen", "127.0.0.1:0"]), b"PRI * HT");
}

#[test]
fn a_call_whose_body_never_comes_is_cut_off() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let request = format!(
        "POST /vyr.control.v0.ControlService/SubmitTask HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        node.token()
    );
    hold(&node, request.as_bytes());
}

#[test]
fn a_body_without_a_token_is_never_waited_for() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let request = "PUT /blobs/sha256:0 HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n{";
    for said in hold(&node, request.as_bytes()) {
        let said = String::from_utf8_lossy(&said);
        assert!(said.starts_with("HTTP/1.1 401"), "{said}");
    }
}
