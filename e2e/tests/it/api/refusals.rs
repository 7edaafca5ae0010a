//! What is refused before it is a call has a reason and a mend, too, in each protocol.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use buffa::Message as _;
use serde_json::{Value, json};
use vyr_sdk::control::ErrorInfo;

use crate::support::{Answer, Node};

/// Posts bytes.
fn post(node: &Node, kind: &str, path: &str, body: &[u8]) -> Answer {
    let file = node.dir().join("body");
    fs::write(&file, body).unwrap();
    let curl = node.curl().arg("--http2-prior-knowledge").header(&format!("content-type: {kind}"));
    curl.arg("--data-binary").arg(format!("@{}", file.display())).get(path)
}

fn call(name: &str) -> String {
    format!("/vyr.control.v0.ControlService/{name}")
}

#[test]
fn each_has_a_stable_reason() {
    let node = Node::start();
    let cases = [
        ("application/json", call("CreateState"), &b"{"[..], 400, "invalid_argument", "REQUEST_INVALID"),
        (
            "application/json",
            call("CreateState"),
            b"{\"surprise\":1}",
            400,
            "invalid_argument",
            "REQUEST_INVALID",
        ),
        ("application/proto", call("CreateState"), b"\xff\xff", 400, "invalid_argument", "REQUEST_INVALID"),
        ("application/json", call("Nothing"), b"{}", 404, "unimplemented", "CALL_UNKNOWN"),
        ("application/json", "/nothing".to_owned(), b"{}", 404, "unimplemented", "CALL_UNKNOWN"),
        ("text/plain", call("CreateState"), b"{}", 415, "invalid_argument", "REQUEST_INVALID"),
    ];
    for (kind, path, body, status, code, reason) in cases {
        let answer = post(&node, kind, &path, body);
        let (found, info) = answer.refusal();
        let got = (answer.status, found.as_str(), info.reason.as_str());
        assert_eq!(got, (status, code, reason), "{kind} {path}: {}", answer.text());
        assert!(!info.mend.is_empty() && !info.subject.is_empty(), "{info:?}");
    }
}

#[test]
fn another_method_is_refused_by_name() {
    let node = Node::start();
    for (method, path) in
        [("GET", call("SubmitTask")), ("PUT", call("SubmitTask")), ("POST", "/traces".to_owned())]
    {
        let answer = node.curl().arg("--request").arg(method).get(&path);
        let (code, info) = answer.refusal();
        let got = (answer.status, code.as_str(), info.reason.as_str());
        assert_eq!(got, (405, "unimplemented", "CALL_UNKNOWN"), "{method} {path}");
    }
}

/// The detail as gRPC and the streams of Connect carry it.
#[test]
fn in_each_protocol() {
    let node = Node::start();
    // a frame that says 4 bytes and holds what is no message
    let frame = b"\0\0\0\0\x04\xff\xff\xff\xff";
    for name in ["CreateState", "StreamTraces"] {
        let answer = post(&node, "application/grpc", &call(name), frame);
        let bytes = answer.header("grpc-status-details-bin");
        let bytes = STANDARD
            .decode(bytes)
            .or_else(|_| base64::engine::general_purpose::STANDARD_NO_PAD.decode(bytes));
        let bytes = bytes.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("REQUEST_INVALID") && text.contains("ErrorInfo"), "{name}: {answer:?}");
        let web = post(&node, "application/grpc-web", &call(name), frame).text();
        assert!(web.contains("grpc-status-details-bin"), "{name}: {web}");
    }
    let answer = post(&node, "application/connect+proto", &call("StreamTraces"), frame);
    let end: Value = serde_json::from_slice(&answer.body[5..]).unwrap();
    let value = end["error"]["details"][0]["value"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(value).unwrap();
    assert_eq!(ErrorInfo::decode_from_slice(&bytes).unwrap().reason, "REQUEST_INVALID");
    // what is a call goes on as ever
    let state = json!({ "name": "s", "class": "STATE_CLASS_EPHEMERAL" });
    node.curl().call("CreateState", &state).ok();
}

/// A state's and the store's refusals say which one is meant.
#[test]
fn the_subject_is_the_thing_itself() {
    let node = Node::start();
    let (kv, nothing) = (node.put_with_states("kv", &["s"]), "st_00000000000000000000000000000001");
    let missing = format!("sha256:{}", "0".repeat(64));
    let class = "STATE_CLASS_EPHEMERAL";
    let binding = json!([{ "name": "s", "stateId": nothing, "mode": "BIND_MODE_RO" }]);
    let cases = [
        ("SubmitTask", json!({ "artifactDigest": kv, "stateBindings": binding }), nothing),
        ("SubmitTask", json!({ "artifactDigest": missing }), missing.as_str()),
        ("CreateState", json!({ "name": "s", "class": class, "quotaBytes": "9999999999999" }), "quota_bytes"),
        ("CreateState", json!({ "name": "s", "class": class, "ttl": "90000s" }), "ttl"),
    ];
    for (method, request, subject) in cases {
        let (_, info) = node.curl().call(method, &request).refusal();
        assert_eq!(info.subject, subject, "{method} {request}: {info:?}");
    }
    let (_, info) = node.curl().get(&format!("/blobs/{missing}")).refusal();
    assert_eq!((info.reason.as_str(), &info.subject), ("BLOB_MISSING", &missing));
}
