//! The content plane: immutable blobs by digest over plain HTTP.

use std::fs;

use vyr_model::Digest;

use super::json::put_blob;
use crate::support::Node;

#[test]
fn a_blob_is_stored_only_under_its_own_digest() {
    let node = Node::start();
    let file = node.dir().join("file");
    fs::write(&file, "content").unwrap();
    let (right, wrong) = (Digest::of(b"content").to_string(), Digest::of(b"other").to_string());

    let answer = put_blob(node.curl(), &wrong, &file);
    let (code, info) = answer.refusal();
    assert_eq!(
        (answer.status, code.as_str(), info.reason.as_str()),
        (400, "invalid_argument", "DIGEST_MISMATCH")
    );
    for digest in [&wrong, &right] {
        let (code, info) = node.curl().get(&format!("/blobs/{digest}")).refusal();
        assert_eq!((code.as_str(), info.reason.as_str()), ("not_found", "BLOB_MISSING"));
    }
    assert_eq!(put_blob(node.curl(), &right, &file).status, 201);
    assert_eq!(put_blob(node.curl(), &right, &file).status, 200);
    assert_eq!(node.curl().get(&format!("/blobs/{right}")).text(), "content");
    assert_eq!(node.curl().get("/blobs/sha256:short").status, 400);
    assert_eq!(node.curl().arg("--request").arg("DELETE").get(&format!("/blobs/{right}")).status, 405);
    let stray = fs::read_dir(node.home().join("store/blobs/sha256")).unwrap();
    assert_eq!(stray.count(), 1, "a refused upload leaves nothing behind");
}

#[test]
fn ranges_and_heads_are_answered() {
    let node = Node::start();
    let bytes: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    let file = node.dir().join("file");
    fs::write(&file, &bytes).unwrap();
    let digest = Digest::of(&bytes).to_string();
    let path = format!("/blobs/{digest}");
    assert_eq!(put_blob(node.curl(), &digest, &file).status, 201);

    let head = node.curl().arg("--head").get(&path);
    let told = (head.status, head.header("content-length"), head.header("accept-ranges"));
    assert_eq!(told, (200, "1000000", "bytes"));
    assert_eq!(node.curl().get(&path).body, bytes);
    for (range, from, to) in [
        ("0-0", 0, 1),
        ("999990-", 999_990, 1_000_000),
        ("-10", 999_990, 1_000_000),
        ("300-70000", 300, 70_001),
    ] {
        let part = node.curl().arg("--range").arg(range).get(&path);
        assert_eq!((part.status, &part.body[..]), (206, &bytes[from..to]), "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/1000000", to - 1));
    }
    let beyond = node.curl().arg("--range").arg("1000000-").get(&path);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */1000000"));
    let missing = node.curl().arg("--head").get(&format!("/blobs/{}", Digest::of(b"no")));
    assert_eq!(missing.status, 404);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    use std::io::Write as _;
    let node = Node::start();
    let digest = Digest::of(b"whole").to_string();
    let mut stream = std::os::unix::net::UnixStream::connect(node.socket()).unwrap();
    write!(stream, "PUT /blobs/{digest} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nwho").unwrap();
    drop(stream);
    let file = node.dir().join("file");
    fs::write(&file, "whole").unwrap();
    assert_eq!(node.curl().get(&format!("/blobs/{digest}")).status, 404);
    assert_eq!(put_blob(node.curl(), &digest, &file).status, 201);
    assert_eq!(node.curl().get(&format!("/blobs/{digest}")).text(), "whole");
}
