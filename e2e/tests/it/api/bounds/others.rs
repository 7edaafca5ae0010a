//! The ranges of the other calls, and of the plain streams' parameters.

use serde_json::{Value, json};
use vyr_model::Digest;

use super::{
    Answer::{self, Taken},
    LONGEST, ask, ask_stream, hold, invalid, list, no_digests, no_ids, no_names, nothing, refused,
};
use crate::support::Node;

#[test]
fn of_create_state() {
    let node = Node::start();
    let with = |field: &str, value: Value| {
        let mut request = json!({ "name": "s", "class": "STATE_CLASS_EPHEMERAL" });
        request[field] = value;
        request
    };
    let gib = 1_u64 << 30;
    let mut cases = vec![
        (with("name", json!("n".repeat(128))), Taken),
        (with("name", json!("aZ09._-")), Taken),
        (with("class", json!("STATE_CLASS_UNSPECIFIED")), invalid("class")),
        (with("class", json!(2)), invalid("class")),
        (with("quotaBytes", json!("1")), Taken),
        (with("quotaBytes", json!(gib.to_string())), Taken),
        (with("quotaBytes", json!((gib + 1).to_string())), invalid("quota_bytes")),
        (with("quotaBytes", json!(u64::MAX.to_string())), invalid("quota_bytes")),
        (with("ttl", json!("0.000000001s")), Taken),
        (with("ttl", json!("86400s")), Taken),
        (with("ttl", json!("86400.000000001s")), invalid("ttl")),
        (with("ttl", json!(LONGEST[1])), invalid("ttl")),
        (with("ttl", json!("-1s")), invalid("ttl")),
    ];
    cases.extend(no_names().into_iter().map(|name| (with("name", json!(name)), invalid("name"))));
    hold(|request| ask(&node, "CreateState", request), cases);
}

#[test]
fn of_bind_and_cancel() {
    let node = Node::start();
    let kv = node.put_with_states("kv", &["a", "b"]);
    let state = json!({ "name": "s", "class": "STATE_CLASS_EPHEMERAL" });
    let state = node.curl().call("CreateState", &state).ok()["stateId"].clone();
    let open = |name: &str| json!({ "name": name, "mode": "BIND_MODE_RO" });
    let held = json!({ "artifactDigest": kv, "stateBindings": [open("a"), open("b")] });
    let task = node.curl().call("SubmitTask", &held).ok()["taskId"].clone();
    let with = |field: &str, value: &Value| {
        let mut request = json!({ "taskId": task, "stateId": state, "mode": "BIND_MODE_RO", "name": "a" });
        request[field] = value.clone();
        request
    };
    let unknown = |prefix: &str| format!("{prefix}_00000000000000000000000000000001");
    let mut cases = vec![
        (with("mode", &json!("BIND_MODE_UNSPECIFIED")), invalid("mode")),
        (with("mode", &json!("BIND_MODE_RW")), invalid("mode")),
        (with("mode", &json!(3)), invalid("mode")),
        // two are open: which?
        (with("name", &json!("")), invalid("name")),
        (with("name", &json!("c")), invalid("name")),
        (with("taskId", &json!(unknown("tsk"))), refused("TASK_NOT_FOUND", &unknown("tsk"))),
        (with("stateId", &json!(unknown("st"))), refused("STATE_NOT_FOUND", &unknown("st"))),
    ];
    cases.extend(no_ids("tsk").iter().map(|id| (with("taskId", id), invalid("task_id"))));
    cases.extend(no_ids("st").iter().map(|id| (with("stateId", id), invalid("state_id"))));
    cases.push((with("name", &json!("b")), Taken));
    cases.push((with("name", &json!("b")), invalid("name")));
    cases.push((with("name", &json!("")), Taken));
    hold(|request| ask(&node, "BindState", request), cases);

    let cancel = |id: Value| json!({ "taskId": id });
    let mut cases = vec![
        (cancel(task.clone()), Taken),
        (cancel(json!(unknown("tsk"))), refused("TASK_NOT_FOUND", &unknown("tsk"))),
    ];
    cases.extend(no_ids("tsk").into_iter().map(|id| (cancel(id), invalid("task_id"))));
    hold(|request| ask(&node, "CancelTask", request), cases);
}

/// A manifest whose blobs are nowhere: what is accepted of it is refused for those alone.
fn manifest(annotations: &[(&str, String)]) -> Vec<u8> {
    let title = "org.opencontainers.image.title";
    let version = "org.opencontainers.image.version";
    let mut all = json!({ title: "t", version: "1", "dev.vyr.kind": "module" });
    for (name, value) in annotations {
        all[*name] = json!(value);
    }
    let blob = |kind: &str| json!({ "mediaType": kind, "digest": nothing(), "size": 1 });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("application/vnd.wasm.config.v0+json"),
        "layers": [blob("application/wasm")], "annotations": all,
    });
    manifest.to_string().into_bytes()
}

fn put(manifest: &[u8]) -> Value {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(manifest);
    json!({ "digest": Digest::of(manifest).to_string(), "manifest": text })
}

#[test]
fn of_put_artifact() {
    let node = Node::with(["--trust", "off"]);
    let of = |name: &str, value: String| put(&manifest(&[(name, value)]));
    let sized = |bytes: usize| {
        let around = manifest(&[("pad", String::new())]).len();
        manifest(&[("pad", "x".repeat(bytes - around))])
    };
    let (most, more) = (sized(1 << 20), sized((1 << 20) + 1));
    assert_eq!((most.len(), more.len()), (1 << 20, (1 << 20) + 1));
    // any reason but the form
    let no_blob = || refused("BLOB_MISSING", &nothing());
    let digest = |manifest: &Value| manifest["digest"].as_str().unwrap().to_owned();
    let mut cases = vec![(put(&most), no_blob())];
    let bad = |request: Value| {
        let subject = digest(&request);
        (request, refused("MANIFEST_INVALID", &subject))
    };
    cases.push(bad(put(&more)));
    for name in ["org.opencontainers.image.title", "org.opencontainers.image.version"] {
        cases.push((of(name, "x".repeat(128)), no_blob()));
        cases.push((of(name, "0aZ._-+".to_owned()), no_blob()));
        for none in [String::new(), "x".repeat(129), ".x".to_owned(), "x y".to_owned()] {
            cases.push(bad(of(name, none)));
        }
    }
    let texts =
        |count: usize, item: &str| list(count, |n| json!(item.replace('N', &n.to_string()))).to_string();
    for (name, item) in [("dev.vyr.states", "sN=ephemeral"), ("dev.vyr.grants", "env=AN")] {
        cases.push((of(name, texts(256, item)), no_blob()));
        cases.push(bad(of(name, texts(257, item))));
    }
    let states = |name: &str| json!([format!("{name}=ephemeral")]).to_string();
    cases.push((of("dev.vyr.states", states(&"x".repeat(128))), no_blob()));
    for name in no_names() {
        cases.push(bad(of("dev.vyr.states", states(&name))));
    }
    let day = 86_400_000_u64;
    for name in ["wall_time_ms", "cpu_time_ms", "hold_time_ms"] {
        let name = format!("dev.vyr.limit.{name}");
        cases.push((of(&name, (365 * day).to_string()), no_blob()));
        cases.push(bad(of(&name, (365 * day + 1).to_string())));
    }
    for name in ["memory_bytes", "fuel", "stdout_bytes", "stderr_bytes", "output_bytes", "host_call_bytes"] {
        let name = format!("dev.vyr.limit.{name}");
        cases.push((of(&name, u64::MAX.to_string()), no_blob()));
        for none in ["-1", "01", "1.0", "18446744073709551616", ""] {
            cases.push(bad(of(&name, none.to_owned())));
        }
    }
    cases.push((of("dev.vyr.limit.handles", u32::MAX.to_string()), no_blob()));
    cases.push(bad(of("dev.vyr.limit.handles", (u64::from(u32::MAX) + 1).to_string())));
    let with_digest = |digest: Value| json!({ "digest": digest, "manifest": "" });
    cases.extend(no_digests().into_iter().map(|digest| (with_digest(digest), invalid("digest"))));
    cases.push((with_digest(json!(nothing())), refused("DIGEST_MISMATCH", &nothing())));
    hold(|request| ask(&node, "PutArtifact", request), cases);
}

#[test]
fn of_the_streams() {
    let node = Node::start();
    let traces = |field: &str, value: Value| json!({ "filter": { field: value } });
    let id = |n: usize| json!(format!("tsk_{n:032x}"));
    let mut cases = vec![
        (json!({}), Taken),
        (json!({ "noHistory": true }), invalid("no_history")),
        (json!({ "historyLimit": u32::MAX }), Taken),
        (traces("artifactDigest", json!(nothing())), Taken),
        (traces("states", json!(["TASK_STATE_QUEUED", "TASK_STATE_LOST"])), Taken),
        (traces("states", json!([0])), invalid("filter.states")),
        (traces("states", json!([8])), invalid("filter.states")),
        (traces("since", json!("0001-01-01T00:00:00Z")), Taken),
        (traces("until", json!("9999-12-31T23:59:59.999999999Z")), Taken),
        (traces("taskIds", list(1025, id)), invalid("filter.task_ids")),
    ];
    let artifact = "filter.artifact_digest";
    cases.extend(no_digests().into_iter().map(|none| (traces("artifactDigest", none), invalid(artifact))));
    cases.extend(
        no_ids("tsk").into_iter().map(|none| (traces("taskIds", json!([none])), invalid("filter.task_ids"))),
    );
    hold(|request| ask_stream(&node, "StreamTraces", request), cases);
    // so many are looked for
    let most = ask_stream(&node, "StreamTraces", &traces("taskIds", list(1024, id)));
    assert!(matches!(&most, Answer::Refused(reason, _) if reason == "TASK_NOT_FOUND"), "{most:?}");

    let every = |time: &str| json!({ "once": true, "interval": time });
    let cases = [
        (every("0s"), Taken),
        (every("0.1s"), Taken),
        (every("0.099999999s"), invalid("interval")),
        (every(LONGEST[0]), Taken),
        (every(LONGEST[1]), invalid("interval")),
        (every("-1s"), invalid("interval")),
    ];
    hold(|request| ask_stream(&node, "StreamMetrics", request), cases);
}

#[test]
fn of_the_parameters_of_the_plain_streams() {
    let node = Node::start();
    let ids = |count: usize| (0..count).map(|n| format!("tsk_{n:032x}")).collect::<Vec<_>>().join(",");
    let (most, more) = (format!("/traces?task={}", ids(1024)), format!("/traces?task={}", ids(1025)));
    let cases = [
        ("/metrics?once=true&interval_ms=100", Taken),
        ("/metrics?once=true&interval_ms=18446744073709551615", Taken),
        ("/metrics?once=true&interval_ms=18446744073709551616", invalid("query")),
        ("/metrics?once=true&interval_ms=99", invalid("interval")),
        ("/metrics?once=true&interval_ms=0", invalid("interval")),
        ("/metrics?interval_ms=x", invalid("query")),
        ("/traces?history_limit=4294967295", Taken),
        ("/traces?history_limit=4294967296", invalid("query")),
        ("/traces?follow=1", invalid("query")),
        ("/traces?states=ended", invalid("query")),
        ("/traces?since=1970", invalid("query")),
        ("/traces?no_history=true", invalid("no_history")),
        (&most, refused("TASK_NOT_FOUND", "")),
        (&more, invalid("filter.task_ids")),
        ("/blobs/sha256:0", invalid("digest")),
        ("/tasks/tsk_0/stdout", invalid("task_id")),
    ];
    let ask = |path: &Value| {
        let answer = node.curl().get(path.as_str().unwrap());
        if answer.status == 200 {
            return Taken;
        }
        let (_, info) = answer.refusal();
        // any of the many
        let subject = if info.reason == "TASK_NOT_FOUND" { String::new() } else { info.subject };
        Answer::Refused(info.reason, subject)
    };
    hold(ask, cases.map(|(path, wanted)| (json!(path), wanted)));
}
