//! Refusals that take a state of the node, the store or the disk: each by its own reason.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::FileExt as _, net::UnixStream},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use vyr_model::Digest;
use vyr_sdk::{
    ErrorKind,
    control::{CreateStateRequest, StateClass},
};

use crate::support::{Node, NodeBuilder, Submit, ended_well, until_some};

/// Asserts how a call of the Control API is refused.
#[track_caller]
fn refused(node: &Node, method: &str, body: &Value, wanted: (u16, &str, &str)) {
    let answer = node.curl().call(method, body);
    let (code, info) = answer.refusal();
    assert_eq!((answer.status, code.as_str(), info.reason.as_str()), wanted, "{method}: {info:?}");
    assert!(!info.mend.is_empty() && !info.subject.is_empty(), "{info:?}");
}

/// Sends bytes to the node's socket, and no more; returns what it answers.
fn raw(node: &Node, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(node.socket()).unwrap();
    stream.write_all(bytes).unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

/// Asserts an answer's status and the reason in its JSON.
#[track_caller]
pub(super) fn says(answer: &str, status: u16, reason: &str) {
    // the detail begins with the reason: its field's tag, its length, itself
    let begins = [&[10, u8::try_from(reason.len()).unwrap()], reason.as_bytes()].concat();
    let whole = &begins[..begins.len() / 3 * 3];
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{reason}: {answer}");
    assert!(answer.contains(&STANDARD.encode(whole)), "{reason}: {answer}");
}

/// A node that wants no signatures, and the `PutArtifact` of a guest that it holds.
fn unsigned() -> (Node, Value) {
    let node = Node::with(["--trust", "off"]);
    let digest = node.put("noop");
    let path = node.home().join("store/blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
    let manifest = STANDARD.encode(fs::read(path).unwrap());
    (node, json!({ "digest": digest, "manifest": manifest }))
}

#[test]
fn a_manifest_that_is_none() {
    let node = Node::with(["--trust", "off"]);
    for manifest in [&b"{}"[..], b"no JSON", br#"{"schemaVersion":2,"layers":[]}"#] {
        let digest = Digest::of(manifest).to_string();
        let put = json!({ "digest": digest, "manifest": STANDARD.encode(manifest) });
        refused(&node, "PutArtifact", &put, (400, "invalid_argument", "MANIFEST_INVALID"));
    }
}

#[tokio::test]
async fn a_stream_that_no_task_has() {
    let node = Node::start();
    let task = Submit::new(&node.put("noop")).send(&node.client()).await;
    let answer = node.curl().get(&format!("/tasks/{task}/stdin"));
    let (code, info) = answer.refusal();
    let got = (answer.status, code.as_str(), info.reason.as_str(), info.subject.as_str());
    assert_eq!(got, (404, "not_found", "STREAM_NOT_FOUND", "stdin"));
}

/// States that exist at once (`vyr-state`'s own bound).
const MAX_STATES: usize = 4096;

#[tokio::test]
async fn one_state_too_many() {
    let node = Node::start();
    let client = node.client();
    let request = || CreateStateRequest {
        name: "s".to_owned(),
        class: StateClass::Ephemeral.into(),
        quota_bytes: 1,
        ..Default::default()
    };
    for _ in 0..MAX_STATES {
        client.create_state(request()).await.unwrap();
    }
    let refusal = client.create_state(request()).await.unwrap_err();
    assert_eq!(refusal.reason(), Some("STATES_FULL"), "{refusal:?}");
    // what needs no new one goes on
    ended_well(&Submit::new(&node.put("noop")).run(&client).await);
}

#[test]
fn a_blob_that_says_it_is_too_large() {
    let mut node = Node::start();
    let put = |size: u64| {
        let digest = Digest::of(b"");
        raw(
            &node,
            format!("PUT /blobs/{digest} HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n").as_bytes(),
        )
    };
    // one byte more than may be; nothing of it is waited for
    says(&put((8 << 30) + 1), 429, "BLOB_TOO_LARGE");
    says(&put(1 << 60), 429, "BLOB_TOO_LARGE");
    assert!(node.is_alive());
}

/// Artifacts that a store holds (`vyr-store`'s own bound).
const MAX_ARTIFACTS: usize = 10_000;

#[test]
fn one_artifact_too_many() {
    let (node, put) = unsigned();
    let index = node.home().join("store/index.json");
    let own = fs::read(&index).unwrap();
    let entries: Vec<_> = (0..MAX_ARTIFACTS)
        .map(|n| {
            let digest = Digest::of(&n.to_le_bytes()).to_string();
            json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 8 })
        })
        .collect();
    fs::write(&index, json!({ "schemaVersion": 2, "manifests": entries }).to_string()).unwrap();
    refused(&node, "PutArtifact", &put, (429, "resource_exhausted", "STORE_FULL"));
    // with room again, it is taken
    fs::write(&index, json!({ "schemaVersion": 2, "manifests": &entries[1..] }).to_string()).unwrap();
    node.curl().call("PutArtifact", &put).ok();
    fs::write(&index, own).unwrap();
}

#[test]
fn a_store_that_is_damaged() {
    let (node, put) = unsigned();
    let index = node.home().join("store/index.json");
    let own = fs::read(&index).unwrap();
    fs::write(&index, "{").unwrap();
    refused(&node, "PutArtifact", &put, (500, "internal", "STORE_FAILED"));
    fs::write(&index, own).unwrap();
    node.curl().call("PutArtifact", &put).ok();
}

/// A node whose files may have two or four MiB (the shell's blocks differ), played by the system's limit: a
/// write past it fails as on a full disk.
#[tokio::test]
async fn a_disk_without_room() {
    let node = NodeBuilder::default().behind("trap '' XFSZ; ulimit -f 4096; exec \"$@\"").start();
    let client = node.client();
    let bytes = vec![7; 8 << 20];
    let digest = Digest::of(&bytes);
    let refusal = client.put_blob(digest, 8 << 20, std::io::Cursor::new(bytes)).await.unwrap_err();
    assert_eq!(refusal.reason(), Some("DISK_FULL"), "{refusal:?}");
    let head = node.curl().arg("--head").get(&format!("/blobs/{digest}"));
    assert_eq!(head.status, 404, "nothing is changed");
    // what has room is taken, and runs
    client.put_blob(Digest::of(b"small"), 5, &b"small"[..]).await.unwrap();
}

/// The caller's own time runs out before its body is there.
#[test]
fn a_deadline_that_passes_before_the_call_begins() {
    let node = Node::start();
    let call = "POST /vyr.control.v0.ControlService/CreateState HTTP/1.1\r\nhost: x\r\n\
                connection: close\r\nconnect-timeout-ms: 200\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    says(&raw(&node, call.as_bytes()), 504, "DEADLINE_PASSED");
}

#[tokio::test]
async fn a_node_that_stops() {
    let mut node = Node::start();
    let client = node.client();
    let noop = Submit::new(&node.put("noop"));
    // it has ten seconds, and keeps the node that long
    let sleep = Submit::new(&node.put("sleep")).send(&client).await;
    until_some("the guest sleeps", || {
        let answer = node.curl().get(&format!("/traces?task={sleep}"));
        answer.text().contains("TASK_STATE_RUNNING").then_some(())
    });
    node.terminate();
    let refusal = loop {
        // what comes before the signal is taken as ever
        if let Err(refusal) = client.submit_task(noop.request()).await {
            break refusal;
        }
    };
    let vyr_sdk::SdkError::Refused { kind, reason, retry_after, .. } = &refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!((*kind, reason.as_str()), (ErrorKind::Unavailable, "NODE_STOPPING"));
    assert!(retry_after.is_some(), "{refusal:?}");
    client
        .cancel_task(vyr_sdk::control::CancelTaskRequest { task_id: sleep, ..Default::default() })
        .await
        .unwrap();
    node.ends_well();
}

/// A bit of the history turns while the node runs: who reads it is told, and what else there is goes on.
#[tokio::test]
async fn a_history_that_is_damaged() {
    let node = Node::start();
    let client = node.client();
    let noop = Submit::new(&node.put("noop"));
    let task = noop.run(&client).await.task_id;
    assert_eq!(node.curl().get(&format!("/traces?task={task}")).status, 200);
    let folder = node.home().join("record");
    let segments = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.filter(|path| path.extension().is_some_and(|name| name == "seg")).max().unwrap();
    let bytes = fs::read(&segment).unwrap();
    // the last that tells of the task is its end, which names it in words
    let named = bytes.windows(task.len()).rposition(|window| window == task.as_bytes()).unwrap();
    let file = fs::File::options().write(true).open(&segment).unwrap();
    file.write_all_at(&[bytes[named] ^ 1], named as u64).unwrap();
    let answer = node.curl().get(&format!("/traces?task={task}"));
    let (code, info) = answer.refusal();
    let got = (answer.status, code.as_str(), info.reason.as_str());
    assert_eq!(got, (500, "data_loss", "RECORD_UNREADABLE"), "not that there never was such a task");
    let cancel = json!({ "taskId": task });
    refused(&node, "CancelTask", &cancel, (500, "data_loss", "RECORD_UNREADABLE"));
    // a stream that has begun tells it where it meets it
    assert!(node.curl().get("/traces").text().contains("data_loss"));
    ended_well(&noop.run(&client).await);
}
