//! The ranges of `SubmitTask`.

use buffa::Message as _;
use serde_json::{Value, json};
use vyr_sdk::control::{EnvGrant, Grants, Resources, SubmitTaskRequest};

use super::{
    Answer::Taken, LONGEST, ask, hold, invalid, list, no_digests, no_ids, no_names, nothing, refused,
};
use crate::support::{Node, ended_well};

fn submit(artifact: &str, resources: &Value) -> Value {
    json!({ "artifactDigest": artifact, "resources": resources })
}

fn bindings(artifact: &str, bindings: &Value) -> Value {
    json!({ "artifactDigest": artifact, "stateBindings": bindings })
}

#[test]
fn of_ids_and_keys() {
    let node = Node::start();
    let noop = node.put("noop");
    let one = |name: &str, value: Value| json!({ "artifactDigest": noop, name: value });
    let mut cases = vec![
        (one("inputRef", json!(nothing())), refused("BLOB_MISSING", &nothing())),
        (json!({ "artifactDigest": nothing() }), refused("ARTIFACT_NOT_FOUND", &nothing())),
        (json!({}), invalid("artifact_digest")),
        (one("idempotencyKey", json!("k".repeat(128))), Taken),
        // characters, not bytes
        (one("idempotencyKey", json!("\u{e9}".repeat(128))), Taken),
        (one("idempotencyKey", json!("k".repeat(129))), invalid("idempotency_key")),
        (one("idempotencyKey", json!("\u{e9}".repeat(129))), invalid("idempotency_key")),
    ];
    for digest in no_digests() {
        cases.push((one("inputRef", digest.clone()), invalid("input_ref")));
        cases.push((json!({ "artifactDigest": digest }), invalid("artifact_digest")));
    }
    hold(|request| ask(&node, "SubmitTask", request), cases);
}

#[test]
fn of_bindings() {
    let node = Node::start();
    let (all, long) = ((0..65).map(|n| format!("s{n}")).collect::<Vec<_>>(), "n".repeat(128));
    let refs: Vec<&str> = all.iter().map(String::as_str).collect();
    let (most, named, one) = (
        node.put_with_states("kv", &refs[..64]),
        node.put_with_states("kv", &[&long]),
        node.put_with_states("kv", &["s"]),
    );
    let bind = |name: &str| json!({ "name": name, "mode": "BIND_MODE_RW" });
    let with = |field: &str, value: &Value| {
        let mut binding = bind("s");
        binding[field] = value.clone();
        bindings(&one, &json!([binding]))
    };
    let unknown = "st_00000000000000000000000000000001";
    let mut cases = vec![
        (bindings(&most, &list(64, |n| bind(&all[n]))), Taken),
        (bindings(&most, &list(65, |n| bind(&all[n]))), invalid("state_bindings")),
        (bindings(&named, &json!([bind(&long)])), Taken),
        (bindings(&one, &json!([bind("s"), bind("s")])), invalid("state_bindings.name")),
        (with("mode", &json!("BIND_MODE_RO")), Taken),
        (with("mode", &json!("BIND_MODE_UNSPECIFIED")), invalid("mode")),
        (with("mode", &json!(3)), invalid("mode")),
        (with("stateId", &json!("")), Taken),
        (with("stateId", &json!(unknown)), refused("STATE_NOT_FOUND", unknown)),
    ];
    cases.extend(no_names().iter().map(|name| (with("name", &json!(name)), invalid("state_bindings.name"))));
    // empty is "later"
    cases.extend(no_ids("st").iter().skip(1).map(|id| (with("stateId", id), invalid("state_id"))));
    hold(|request| ask(&node, "SubmitTask", request), cases);
}

#[test]
fn of_grants() {
    let node = Node::start();
    let noop = node.put("noop");
    let here = node.dir().to_str().unwrap();
    let many = |field: &str, count: usize, item: &dyn Fn(usize) -> Value| {
        submit(&noop, &json!({ "grants": { field: list(count, item) } }))
    };
    let one = |field: &str, item: Value| submit(&noop, &json!({ "grants": { field: [item] } }));
    let env = |n: usize| json!({ "name": format!("A{n}"), "value": "" });
    let dir = |n: usize| json!({ "hostPath": here, "guestPath": format!("/d{n}"), "readOnly": true });
    let http = |n: usize| json!({ "authority": format!("h{n}:80") });
    let (variables, folders, authorities) =
        ("resources.grants.env", "resources.grants.dirs", "resources.grants.http_out");
    let mut cases = vec![
        (many("env", 256, &env), Taken),
        (many("env", 257, &env), invalid(variables)),
        (many("dirs", 64, &dir), Taken),
        (many("dirs", 65, &dir), invalid(folders)),
        (many("httpOut", 64, &http), Taken),
        (many("httpOut", 65, &http), invalid(authorities)),
        (one("env", json!({ "name": "A", "value": "=" })), Taken),
    ];
    for (name, value) in [("", ""), ("A=B", ""), ("A\0", ""), ("A", "\0")] {
        cases.push((one("env", json!({ "name": name, "value": value })), invalid(variables)));
    }
    for (host, guest) in [("", "/d"), ("tmp", "/d"), (here, ""), (here, "/d\0"), ("/\0", "/d")] {
        cases.push((one("dirs", json!({ "hostPath": host, "guestPath": guest })), invalid(folders)));
    }
    for authority in ["h:1", "h:65535", "127.0.0.1:80", "[::1]:80"] {
        cases.push((one("httpOut", json!({ "authority": authority })), Taken));
    }
    for authority in
        ["", "h", "h:", "h:0", "h:65536", "h:+1", ":80", "*:80", "*.h:80", "h:*", "u@h:80", "h/p:80"]
    {
        cases.push((one("httpOut", json!({ "authority": authority })), invalid(authorities)));
    }
    hold(|request| ask(&node, "SubmitTask", request), cases);
}

#[test]
fn of_arguments_limits_and_the_rest() {
    let node = Node::start();
    let noop = node.put("noop");
    let with = |resources: Value| submit(&noop, &resources);
    let limit = |name: &str, value: &Value| with(json!({ "limits": { name: value } }));
    let args = "resources.args";
    let mut cases = vec![
        (with(json!({ "args": list(1024, |_| json!("")) })), Taken),
        (with(json!({ "args": list(1025, |_| json!("")) })), invalid(args)),
        // each has one byte added
        (with(json!({ "args": [ "x".repeat((128 << 10) - 1) ] })), Taken),
        (with(json!({ "args": [ "x".repeat((128 << 10) - 3), "y" ] })), Taken),
        (with(json!({ "args": [ "x".repeat(128 << 10) ] })), invalid(args)),
        (with(json!({ "args": [ "x".repeat((128 << 10) - 2), "y" ] })), invalid(args)),
        (with(json!({ "args": [ "\0" ] })), invalid(args)),
        (with(json!({ "durability": "DURABILITY_UNSPECIFIED" })), Taken),
        (with(json!({ "durability": "DURABILITY_VOLATILE" })), Taken),
        (with(json!({ "durability": 3 })), invalid("resources.durability")),
    ];
    for (name, field) in [
        ("wallTime", "resources.limits.wall_time"),
        ("cpuTime", "resources.limits.cpu_time"),
        ("holdTime", "resources.limits.hold_time"),
    ] {
        cases.push((limit(name, &json!(LONGEST[0])), Taken));
        cases.push((limit(name, &json!("0s")), Taken));
        cases.push((limit(name, &json!(LONGEST[1])), invalid(field)));
        cases.push((limit(name, &json!("-0.000000001s")), invalid(field)));
    }
    let clock = |time: &str| with(json!({ "determinism": { "seed": "1", "clock": time } }));
    let field = "resources.determinism.clock";
    cases.extend([
        (clock("1970-01-01T00:00:00Z"), Taken),
        (clock("2199-12-31T23:59:59.999999999Z"), Taken),
        (clock("1969-12-31T23:59:59.999999999Z"), invalid(field)),
        (clock("2200-01-01T00:00:00Z"), invalid(field)),
    ]);
    let mut beside = with(json!({ "determinism": {}, "grants": { "httpOut": [{ "authority": "h:1" }] } }));
    cases.push((beside.clone(), invalid("resources.determinism")));
    beside["resources"]["grants"] = json!({});
    cases.push((beside, Taken));
    hold(|request| ask(&node, "SubmitTask", request), cases);
}

/// A limit has no upper end, but its type's.
#[tokio::test]
async fn a_task_may_have_every_limit_at_its_end() {
    let node = Node::start();
    let most = u64::MAX.to_string();
    let mut limits =
        json!({ "handles": u32::MAX, "wallTime": LONGEST[0], "cpuTime": LONGEST[0], "holdTime": LONGEST[0] });
    for name in ["memoryBytes", "fuel", "stdoutBytes", "stderrBytes", "outputBytes", "hostCallBytes"] {
        limits[name] = json!(most);
    }
    for guest in ["noop", "noop.p1", "out-files"] {
        let request = submit(&node.put(guest), &json!({ "limits": limits }));
        let task = node.curl().call("SubmitTask", &request).ok();
        let status = node.client().wait(task["taskId"].as_str().unwrap()).await.unwrap();
        ended_well(&status);
    }
}

/// 1 MiB to the byte, as protobuf.
#[tokio::test]
async fn of_the_whole_submit() {
    let node = Node::start();
    let (client, noop) = (node.client(), node.put("noop"));
    let of = |bytes: u32| {
        let with = |value: u32| {
            let value = "x".repeat(usize::try_from(value).unwrap());
            let env = vec![EnvGrant { name: "A".into(), value, ..Default::default() }];
            let grants = Grants { env, ..Default::default() };
            let resources = Resources { grants: grants.into(), ..Default::default() };
            let artifact_digest = noop.clone();
            SubmitTaskRequest { artifact_digest, resources: resources.into(), ..Default::default() }
        };
        // so near that each length takes as many bytes to write
        let around = with(bytes - 200).encoded_len() - (bytes - 200);
        let request = with(bytes - around);
        assert_eq!(request.encoded_len(), bytes);
        request
    };
    client.submit_task(of(1 << 20)).await.unwrap();
    let error = client.submit_task(of((1 << 20) + 1)).await.unwrap_err();
    assert_eq!(error.reason(), Some("REQUEST_TOO_LARGE"), "{error:?}");
}
