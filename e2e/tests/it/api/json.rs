//! Connect with JSON, by the real curl: every unary call, its errors, and their details.

use std::{fs, path::Path};

use serde_json::{Value, json};
use vyr_model::Digest;

use crate::support::{Cli, Curl, Node, folder, guest, until_some};

/// Every file that makes a signed artifact, made on a machine of its own by the CLI.
pub(crate) struct Signed {
    pub(crate) digest: String,
    pub(crate) manifest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) blobs: Vec<(String, std::path::PathBuf)>,
    pub(crate) public_key: std::path::PathBuf,
    _dir: tempfile::TempDir,
}

impl Signed {
    pub(crate) fn new(guest_name: &str) -> Self {
        let dir = folder();
        let here = dir.path();
        let cli = || Cli::new(here).current_dir(here);
        cli().args(["key", "new", "author"]).ok();
        let file = guest(guest_name);
        cli().args(["artifact", "sign", "--key", "author.pem"]).arg(&file).ok();
        // an offline put leaves an ordinary OCI layout: its blobs are what is uploaded
        cli().args(["artifact", "put"]).arg(&file).ok();
        let manifest = fs::read(here.join("manifest.json")).unwrap();
        let parsed: Value = serde_json::from_slice(&manifest).unwrap();
        let parts = [&parsed["config"], &parsed["layers"][0]];
        let blobs = parts.map(|part| {
            let digest = part["digest"].as_str().unwrap().to_owned();
            let path = here.join("store/blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
            (digest, path)
        });
        Self {
            digest: Digest::of(&manifest).to_string(),
            manifest,
            signature: fs::read(here.join("manifest.sig")).unwrap(),
            blobs: blobs.into(),
            public_key: here.join("author.pub.pem"),
            _dir: dir,
        }
    }

    /// Lets `node` trust the author.
    pub(crate) fn trust(&self, node: &Node) {
        node.cli().args(["key", "trust", "author"]).arg(&self.public_key).ok();
    }

    /// Puts the blobs by curl.
    pub(crate) fn upload(&self, node: &Node) {
        for (digest, path) in &self.blobs {
            let answer = put_blob(node.curl(), digest, path);
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
    }

    pub(crate) fn put_request(&self) -> Value {
        json!({
            "digest": self.digest, "manifest": base64(&self.manifest), "signature": base64(&self.signature),
        })
    }
}

pub(crate) fn put_blob(curl: Curl, digest: &str, file: &Path) -> crate::support::Answer {
    curl.arg("--upload-file").arg(file).get(&format!("/blobs/{digest}"))
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Waits by curl alone for the end of a task; returns its status.
fn wait(node: &Node, task: &str) -> Value {
    let answer = node.curl().get(&format!("/traces?task={task}&follow=true&no_spans=true"));
    let lines = answer.text();
    let mut statuses = lines.lines().flat_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["tasks"].as_array().cloned().unwrap_or_default()
    });
    statuses.rfind(|status| status["endTime"].is_string()).expect("the task's end")
}

#[test]
fn an_artifact_is_put_and_run_by_curl_alone() {
    let (node, signed) = (Node::start(), Signed::new("echo"));
    signed.trust(&node);
    signed.upload(&node);
    let put = node.curl().call("PutArtifact", &signed.put_request()).ok();
    assert_eq!(put["digest"], signed.digest);
    assert_eq!(put["contentDigest"], signed.blobs[1].0);
    assert_eq!((&put["signer"], &put["created"]), (&json!("author"), &json!(true)));
    let again = node.curl().call("PutArtifact", &signed.put_request()).ok();
    assert!(again.get("created").is_none_or(|created| created == false), "{again}");

    let input = node.dir().join("input");
    fs::write(&input, "by curl").unwrap();
    let input_ref = Digest::of(b"by curl").to_string();
    assert_eq!(put_blob(node.curl(), &input_ref, &input).status, 201);
    let request = json!({
        "artifactDigest": signed.digest, "inputRef": input_ref,
        "resources": { "limits": { "wallTime": "30s" }, "durability": "DURABILITY_DURABLE" },
    });
    let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let submitted = node.curl().header(traceparent).call("SubmitTask", &request).ok();
    assert_eq!(submitted["traceId"], "0af7651916cd43dd8448eb211c80319c");
    let status = wait(&node, submitted["taskId"].as_str().unwrap());
    assert_eq!(status["state"], "TASK_STATE_SUCCEEDED", "{status}");
    let stdout = status["stdout"]["digest"].as_str().unwrap();
    assert_eq!(node.curl().get(&format!("/blobs/{stdout}")).text(), "by curl");
}

#[test]
fn states_and_cancel_work_by_curl() {
    let node = Node::start();
    let kv = node.put_with_states("kv", &["s"]);
    let state = node.curl().call(
        "CreateState",
        &json!({ "name": "s", "class": "STATE_CLASS_EPHEMERAL", "quotaBytes": "1024", "ttl": "60s" }),
    );
    let state = state.ok()["stateId"].clone();
    let held = json!({
        "artifactDigest": kv, "stateBindings": [{ "name": "s", "mode": "BIND_MODE_RW" }],
        "resources": { "args": ["s", "set", "k", "v"] },
    });
    let submit = || node.curl().call("SubmitTask", &held).ok()["taskId"].as_str().unwrap().to_owned();

    let task = submit();
    let bind = json!({ "taskId": task, "stateId": state, "mode": "BIND_MODE_RW" });
    let bound = node.curl().call("BindState", &bind).ok();
    assert!(bound.get("openBindings").is_none_or(|open| open == 0), "{bound}");
    assert_eq!(wait(&node, &task)["state"], "TASK_STATE_SUCCEEDED");
    let refused = node.curl().call("BindState", &bind);
    let (code, info) = refused.refusal();
    assert_eq!((code.as_str(), info.reason.as_str()), ("failed_precondition", "TASK_NOT_HELD"));

    let task = submit();
    let cancelled = node.curl().call("CancelTask", &json!({ "taskId": task })).ok();
    assert_eq!(cancelled["state"], "TASK_STATE_CANCELLED");
    let again = node.curl().call("CancelTask", &json!({ "taskId": task })).ok();
    assert_eq!(again["state"], "TASK_STATE_CANCELLED");
}

/// Each refusal with its Connect code, HTTP status, and the detail's reason and subject.
#[test]
fn errors_carry_a_detail_that_names_the_mend() {
    let (node, signed) = (Node::start(), Signed::new("noop"));
    let nothing = format!("sha256:{}", "0".repeat(64));
    let unknown = "tsk_00000000000000000000000000000001";
    let put = signed.put_request();
    let (code, info) = node.curl().call("PutArtifact", &put).refusal();
    assert_eq!((code.as_str(), info.reason.as_str()), ("permission_denied", "NOT_TRUSTED"));
    signed.trust(&node);
    let mut wrong = put.clone();
    wrong["digest"] = json!(nothing);
    let cases = [
        ("PutArtifact", put.clone(), 404, "not_found", "BLOB_MISSING"),
        ("PutArtifact", wrong, 400, "invalid_argument", "DIGEST_MISMATCH"),
        ("PutArtifact", json!({ "digest": "md5:0" }), 400, "invalid_argument", "FIELD_INVALID"),
        ("SubmitTask", json!({ "artifactDigest": nothing }), 404, "not_found", "ARTIFACT_NOT_FOUND"),
        ("SubmitTask", json!({}), 400, "invalid_argument", "FIELD_INVALID"),
        ("CancelTask", json!({ "taskId": unknown }), 404, "not_found", "TASK_NOT_FOUND"),
        ("CancelTask", json!({ "taskId": "7" }), 400, "invalid_argument", "FIELD_INVALID"),
        ("CreateState", json!({ "name": "s" }), 400, "invalid_argument", "FIELD_INVALID"),
        (
            "CreateState",
            json!({ "name": "no/name", "class": "STATE_CLASS_EPHEMERAL" }),
            400,
            "invalid_argument",
            "FIELD_INVALID",
        ),
        (
            "BindState",
            json!({ "taskId": unknown, "stateId": "st_00000000000000000000000000000001", "mode": "BIND_MODE_RO" }),
            404,
            "not_found",
            "TASK_NOT_FOUND",
        ),
    ];
    for (call, request, status, code, reason) in cases {
        let answer = node.curl().call(call, &request);
        let (found, info) = answer.refusal();
        let got = (answer.status, found.as_str(), info.reason.as_str());
        assert_eq!(got, (status, code, reason), "{call} {request}");
        assert!(!info.mend.is_empty() && !info.subject.is_empty(), "{call} {request}: {info:?}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    signed.upload(&node);
    node.curl().call("PutArtifact", &put).ok();
}

#[test]
fn unknown_fields_are_refused_everywhere() {
    let node = Node::start();
    let noop = node.put("noop");
    for call in ["PutArtifact", "SubmitTask", "CancelTask", "CreateState", "BindState"] {
        let answer = node.curl().call(call, &json!({ "surprise": 1 }));
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (400, Some("invalid_argument")),
            "{call}"
        );
        assert!(answer.text().contains("surprise"), "{call}: {}", answer.text());
        assert_eq!(answer.refusal().1.reason, "REQUEST_INVALID", "{call}");
    }
    let nested = json!({ "artifactDigest": noop, "resources": { "limits": { "memory": 1 } } });
    let answer = node.curl().call("SubmitTask", &nested);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(node.curl().get("/traces?surprise=1").status, 400);
    assert_eq!(node.curl().get("/metrics?surprise=1").status, 400);
}

#[test]
fn an_idempotency_key_names_one_submit() {
    let node = Node::start();
    let noop = node.put("noop");
    let request = json!({ "artifactDigest": noop, "idempotencyKey": "once" });
    let first = node.curl().call("SubmitTask", &request).ok();
    let second = node.curl().call("SubmitTask", &request).ok();
    assert_eq!((&second["taskId"], &second["existing"]), (&first["taskId"], &json!(true)));
    assert_eq!(second["traceId"], first["traceId"]);
    let other = json!({ "artifactDigest": noop, "idempotencyKey": "once", "resources": { "args": ["x"] } });
    let (code, info) = node.curl().call("SubmitTask", &other).refusal();
    assert_eq!((code.as_str(), info.reason.as_str()), ("already_exists", "IDEMPOTENCY_KEY_REUSED"));
    let ended = until_some("the one task ends", || {
        let history = node.curl().get("/traces").text();
        history.contains("endTime").then_some(history)
    });
    assert_eq!(ended.matches("\"taskId\"").count(), 1, "{ended}");
}
