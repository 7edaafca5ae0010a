//! Clients that hold a connection and send nothing, or next to nothing.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use super::reasons::says;
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

/// Sends `head`, then one byte a second of `rest`, for as long as the node listens; returns what it said.
fn drip(node: &Node, head: &[u8], rest: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut stream = TcpStream::connect(node.tcp()).unwrap();
    stream.write_all(head).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    for byte in rest {
        match stream.read(&mut buffer) {
            Ok(0) => return said,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return said,
        }
        if stream.write_all(&[byte]).is_err() {
            return said;
        }
    }
    let tail = cut(stream);
    said.extend(tail);
    said
}

/// Drips without end; the node must cut it off, however often a byte comes.
fn dripping_is_cut_off(head: &[u8]) {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let began = Instant::now();
    let rest = std::iter::repeat_with(|| {
        assert!(began.elapsed() < PATIENCE, "still listened to after {PATIENCE:?}");
        b'a'
    });
    let said = String::from_utf8_lossy(&drip(&node, head, rest)).into_owned();
    assert!(!said.starts_with("HTTP/1.1 2"), "{said}");
}

#[test]
fn a_dripping_header_is_cut_off() {
    dripping_is_cut_off(b"POST /vyr.control.v0.ControlService/SubmitTask HTTP/1.1\r\nx-slow: ");
}

#[test]
fn a_dripping_header_of_http2_is_cut_off() {
    // the preface, no settings, and headers of 16,000 bytes, of which the first few come
    dripping_is_cut_off(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\x3e\x80\x01\x04\0\0\0\x01\x00",
    );
}

/// A body may take its time, as long as it goes on: this one takes longer than a pause may.
#[test]
fn a_dripping_body_is_taken_to_its_end() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let body = br#"{"name":"s","class":"STATE_CLASS_EPHEMERAL"}"#;
    let head = format!(
        "POST /vyr.control.v0.ControlService/CreateState HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         authorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        node.token(),
        body.len()
    );
    let began = Instant::now();
    let said = String::from_utf8_lossy(&drip(&node, head.as_bytes(), body.iter().copied())).into_owned();
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("st_"), "{said}");
    assert!(began.elapsed() > Duration::from_secs(30), "longer than a pause may take");
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
    for said in hold(&node, request.as_bytes()) {
        let said = String::from_utf8_lossy(&said);
        says(&said, 409, "UPLOAD_BROKEN");
        assert!(said.contains("paused for more than 30 s"), "{said}");
    }
}

#[test]
fn an_upload_that_pauses_is_broken() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let request = format!(
        "PUT /blobs/sha256:{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\nx",
        "0".repeat(64),
        node.token()
    );
    for said in hold(&node, request.as_bytes()) {
        let said = String::from_utf8_lossy(&said);
        says(&said, 409, "UPLOAD_BROKEN");
        assert!(said.contains("paused for more than 30 s"), "{said}");
    }
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
