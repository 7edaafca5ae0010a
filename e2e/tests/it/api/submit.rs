//! What a submit must say, and what it must not: refused before anything is recorded.

use std::fs;

use serde_json::{Value, json};
use vyr_sdk::control::{BindMode, EnvGrant, FailureKind, Grants, Resources, SubmitTaskRequest, TaskState};

use crate::support::{Node, Submit, ended_well, guest, shown, stdout};

/// Submits what is to be refused; returns the code, the reason and the subject.
fn refused(node: &Node, request: &Value) -> (String, String, String) {
    let (code, info) = node.curl().call("SubmitTask", request).refusal();
    assert!(!info.mend.is_empty(), "{request}: {info:?}");
    (code, info.reason, info.subject)
}

fn told(told: &(String, String, String)) -> (&str, &str, &str) {
    (&told.0, &told.1, &told.2)
}

#[tokio::test]
async fn bindings_are_those_that_the_artifact_declares() {
    let node = Node::start();
    let (kv, none) = (node.put_with_states("kv", &["s"]), node.put("kv"));
    let submit = |artifact: &str, names: &[&str]| {
        let bind = |name: &&str| json!({ "name": name, "mode": "BIND_MODE_RW" });
        let bindings: Vec<Value> = names.iter().map(bind).collect();
        json!({ "artifactDigest": artifact, "stateBindings": bindings })
    };
    for (artifact, names, reason, subject) in [
        (&kv, &["t"][..], "BINDING_NOT_DECLARED", "t"),
        (&kv, &["s", "t"], "BINDING_NOT_DECLARED", "t"),
        (&kv, &[], "STATE_NOT_BOUND", "s"),
        (&none, &["s"], "BINDING_NOT_DECLARED", "s"),
    ] {
        let got = refused(&node, &submit(artifact, names));
        assert_eq!(told(&got), ("invalid_argument", reason, subject), "{names:?}");
    }
    node.curl().call("SubmitTask", &submit(&kv, &["s"])).ok();
    let without = Submit::new(&none).args(["s", "list-keys"]).run(&node.client()).await;
    assert_eq!(without.exit_code, 1, "a name that is not bound is no store: {}", shown(&without));
}

#[tokio::test]
async fn a_wanted_grant_that_is_missing_is_told_and_denied() {
    let node = Node::start();
    let wants = ["--want", "env=HOME", "--want", "env=PATH", "--want", "dir=/data:ro"];
    let program = node.put_with(&guest("args-env"), &wants);
    let answer = node.client().submit_task(Submit::new(&program).request()).await.unwrap();
    assert_eq!(answer.not_granted, ["env=HOME", "env=PATH", "dir=/data:ro"]);
    let status = node.client().wait(&answer.task_id).await.unwrap();
    ended_well(&status);
    let out = String::from_utf8(stdout(&node.client(), &status).await).unwrap();
    assert!(!out.contains("env HOME") && !out.contains("env PATH"), "{out}");
    let dir = format!("{}::/data:ro", node.dir().display());
    let submit = ["task", "submit", "--artifact", &program, "--env", "HOME=/", "--dir", &dir];
    let said = node.cli().args(submit).run();
    let err = said.err();
    assert_eq!(said.code, Some(0), "{err}");
    assert!(err.contains("`env=PATH`") && err.contains("--env PATH=VALUE") && !err.contains("HOME"), "{err}");
}

#[tokio::test]
async fn a_granted_folder_must_be_there() {
    let node = Node::with(["--max-running", "1"]);
    let client = node.client();
    let (noop, sleep) = (node.put("noop"), node.put("sleep"));
    let (missing, file) = (node.dir().join("missing"), node.dir().join("file"));
    fs::write(&file, "").unwrap();
    for path in [&missing, &file] {
        let path = path.to_str().unwrap();
        let dirs = json!([{ "hostPath": path, "guestPath": "/data" }]);
        let request = json!({ "artifactDigest": noop, "resources": { "grants": { "dirs": dirs } } });
        let got = refused(&node, &request);
        assert_eq!(told(&got), ("failed_precondition", "FOLDER_NOT_FOUND", path));
    }
    // it goes between the submit and the start
    let folder = node.dir().join("folder");
    fs::create_dir(&folder).unwrap();
    let blocker = Submit::new(&sleep).send(&client).await;
    let waits = Submit::new(&noop).dir(&folder, "/data").send(&client).await;
    fs::remove_dir(&folder).unwrap();
    node.cli().args(["task", "cancel", &blocker]).ok();
    let status = client.wait(&waits).await.unwrap();
    assert_eq!(status.failure.as_known(), Some(FailureKind::Grant), "{}", shown(&status));
    assert!(status.message.contains(folder.to_str().unwrap()), "{}", shown(&status));
}

#[test]
fn a_name_is_granted_once() {
    let node = Node::start();
    let noop = node.put("noop");
    let env = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({ "name": name, "value": "x" })).collect()
    };
    let dirs = |paths: &[&str]| -> Value {
        paths.iter().map(|path| json!({ "hostPath": "/", "guestPath": path })).collect()
    };
    for (grants, field) in [
        (json!({ "env": env(&["A", "B", "A"]) }), "resources.grants.env"),
        (json!({ "dirs": dirs(&["/a", "/b", "/a/"]) }), "resources.grants.dirs"),
        (json!({ "dirs": dirs(&["/out"]) }), "resources.grants.dirs"),
    ] {
        let request = json!({ "artifactDigest": noop, "resources": { "grants": grants } });
        let got = refused(&node, &request);
        assert_eq!(told(&got), ("invalid_argument", "FIELD_INVALID", field), "{request}");
    }
}

#[tokio::test]
async fn a_submit_that_the_record_could_not_hold_is_refused_by_name() {
    let node = Node::start();
    let (client, noop) = (node.client(), node.put("noop"));
    let submit = |bytes: usize| {
        let variable = EnvGrant { name: "A".into(), value: "x".repeat(bytes), ..Default::default() };
        let grants = Grants { env: vec![variable], ..Default::default() };
        let resources = Resources { grants: grants.into(), ..Default::default() };
        let artifact_digest = noop.clone();
        SubmitTaskRequest { artifact_digest, resources: resources.into(), ..Default::default() }
    };
    for bytes in [1 << 20, (4 << 20) - 200] {
        let error = client.submit_task(submit(bytes)).await.unwrap_err();
        assert_eq!(error.reason(), Some("REQUEST_TOO_LARGE"), "{error:?}");
        assert!(error.to_string().contains("1048576"), "names the limit: {error}");
    }
    let taken = client.submit_task(submit((1 << 20) - 200)).await.unwrap();
    ended_well(&client.wait(&taken.task_id).await.unwrap());
}

#[tokio::test]
async fn the_trace_context_needs_no_output_folder() {
    let node = Node::start();
    let (client, program) = (node.client(), node.put("args-env"));
    for (out, context) in [(true, true), (false, true), (true, false), (false, false)] {
        let mut request = Submit::new(&program).request();
        let resources = Resources { no_output_dir: !out, no_trace_context: !context, ..Default::default() };
        request.resources = resources.into();
        let answer = client.submit_task(request).await.unwrap();
        let status = client.wait(&answer.task_id).await.unwrap();
        let shown = String::from_utf8(stdout(&client, &status).await).unwrap();
        let wanted = format!("env TRACEPARENT=00-{}-", answer.trace_id);
        assert_eq!(shown.contains(&wanted), context, "{out} {context}: {shown}");
        assert_eq!(shown.contains("TRACEPARENT"), context, "{out} {context}: {shown}");
    }
}

#[tokio::test]
async fn a_cancelled_task_leaves_the_queue_at_once() {
    let node = Node::with(["--max-running", "1", "--max-queued", "2"]);
    let client = node.client();
    let kv = node.put_with_states("kv", &["s"]);
    let blocker = Submit::new(&node.put("sleep")).send(&client).await;
    let noop = Submit::new(&node.put("noop"));
    let waiting = [noop.send(&client).await, noop.send(&client).await];
    let full = client.submit_task(noop.request()).await.unwrap_err();
    assert_eq!(full.reason(), Some("QUEUE_FULL"));
    for task in &waiting {
        node.cli().args(["task", "cancel", task]).ok();
    }
    // the runner is busy still: nobody has looked at the queue
    assert!(node.metric("vyr.queue.depth", None) < 0.5);
    let last = noop.send(&client).await;
    let held = Submit::new(&kv).state("s", "", BindMode::Ro).send(&client).await;
    assert_eq!(client.submit_task(noop.request()).await.unwrap_err().reason(), Some("QUEUE_FULL"));
    node.cli().args(["task", "cancel", &held]).ok();
    noop.send(&client).await;
    node.cli().args(["task", "cancel", &blocker]).ok();
    ended_well(&client.wait(&last).await.unwrap());
    let first = client.wait(&waiting[0]).await.unwrap();
    assert_eq!((first.state.as_known(), first.attempts), (Some(TaskState::Cancelled), 0));
}
