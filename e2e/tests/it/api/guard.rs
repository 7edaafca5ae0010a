//! Who may call: token, origin, and what a Unix socket's mode says.

use std::{fs, os::unix::fs::MetadataExt as _};

use serde_json::json;

use crate::support::{Curl, Node};

fn tcp(node: &Node) -> Curl {
    Curl::new(format!("http://{}", node.tcp()))
}

#[test]
fn tcp_wants_the_token_and_the_socket_its_owner() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let token = node.token();
    let call =
        |curl: Curl| curl.call("CreateState", &json!({ "name": "s", "class": "STATE_CLASS_EPHEMERAL" }));
    let cases = [
        (None, 401, "TOKEN_MISSING"),
        (Some("Bearer wrong".to_owned()), 401, "TOKEN_WRONG"),
        (Some(format!("Bearer {}", &token[1..])), 401, "TOKEN_WRONG"),
        (Some(format!("Basic {token}")), 401, "TOKEN_MISSING"),
    ];
    for (header, status, reason) in cases {
        let with = |curl: Curl| match &header {
            Some(value) => curl.header(&format!("authorization: {value}")),
            None => curl,
        };
        let answer = call(with(tcp(&node)));
        let (code, info) = answer.refusal();
        let got = (answer.status, code.as_str(), info.reason.as_str());
        assert_eq!(got, (status, "unauthenticated", reason), "{header:?}");
        for path in ["/traces", "/metrics?once=true", "/blobs/sha256:0", "/healthz"] {
            assert_eq!(with(tcp(&node)).get(path).status, 401, "{path}");
        }
    }
    call(tcp(&node).header(&format!("authorization: Bearer {token}"))).ok();
    call(node.curl()).ok();
    assert_eq!(fs::metadata(node.home().join("token")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(node.socket()).unwrap().mode() & 0o077, 0, "the socket is its owner's");
    assert!(!node.log().contains(&token), "the token is never logged");
}

#[test]
fn the_cli_finds_the_token_itself() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let endpoint = format!("http://{}", node.tcp());
    node.cli().args(["--node", &endpoint, "metrics", "stream", "--once"]).ok();
    let file = node.dir().join("other");
    fs::write(&file, "x".repeat(64)).unwrap();
    let args = ["--node", &endpoint, "metrics", "stream", "--once", "--token-file"];
    let said = node.cli().args(args).arg(&file).run();
    assert_eq!(said.code, Some(1));
    assert!(said.err().contains("the token is wrong"), "{}", said.err());
}

#[test]
fn pages_of_foreign_origins_are_refused() {
    let node = Node::with(["--listen", "127.0.0.1:0", "--allow-origin", "http://127.0.0.1:5173"]);
    let token = format!("authorization: Bearer {}", node.token());
    for origin in ["http://evil.example", "null", "http://127.0.0.1:5174"] {
        for curl in [tcp(&node).header(&token), node.curl()] {
            let answer = curl.header(&format!("origin: {origin}")).get("/metrics?once=true");
            let (code, info) = answer.refusal();
            let got = (answer.status, code.as_str(), info.reason.as_str());
            assert_eq!(got, (403, "permission_denied", "ORIGIN_NOT_ALLOWED"), "{origin}");
        }
    }
    let own = tcp(&node).header(&token).header("origin: http://127.0.0.1:5173").get("/metrics?once=true");
    assert_eq!(own.status, 200);
}

#[test]
fn other_addresses_than_loopback_want_tls() {
    let node = Node::start();
    let home = node.dir().join("other");
    let said = crate::support::Cli::new(node.dir())
        .env("VYR_HOME", &home)
        .args(["node", "--listen", "0.0.0.0:0"])
        .run();
    assert_eq!(said.code, Some(1));
    assert!(said.err().contains("--tls-cert"), "{}", said.err());
}
