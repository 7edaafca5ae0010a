//! `-o json` everywhere: each verb prints JSON values alone on stdout.

use std::fs;

use serde_json::{Value, json};
use vyr_model::Digest;

use crate::support::{Node, guest};

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value}")).to_owned()
}

#[test]
fn every_verb_speaks_json() {
    let node = Node::start();
    let cli = |args: &[&str]| node.cli().args(args).json();
    let one = |args: &[&str]| {
        let mut values = cli(args);
        assert_eq!(values.len(), 1, "{args:?}: {values:?}");
        values.remove(0)
    };
    let kv = guest("kv");
    let kv = kv.to_str().unwrap();
    let put = one(&["artifact", "put", "--state", "s", kv]);
    let digest = text(&put, "digest");
    assert_eq!((text(&put, "signer").as_str(), &put["created"]), ("local", &Value::Bool(true)));
    assert_eq!(text(&one(&["artifact", "ls"]), "digest"), digest);
    assert_eq!(one(&["artifact", "verify", &digest])["verified"], true);
    let out = node.dir().to_str().unwrap();
    assert_eq!(text(&one(&["artifact", "sign", "--state", "s", kv, "--out", out]), "digest"), digest);
    // with these three files anybody can put it
    let [manifest, config] =
        ["manifest.json", "config.json"].map(|name| fs::read(node.dir().join(name)).unwrap());
    assert_eq!(Digest::of(&manifest).to_string(), digest);
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["config"]["digest"], Digest::of(&config).to_string());
    assert_eq!(fs::read(node.dir().join("manifest.sig")).unwrap().len(), 64);
    assert!(one(&["artifact", "gc"])["kept"].is_u64());
    assert_eq!(text(&one(&["key", "ls"]), "state"), "trusted");
    let made = one(&["key", "new", "ci", "--out", out]);
    assert!(fs::read_to_string(text(&made, "private")).unwrap().contains("PRIVATE KEY"));
    let trusted = one(&["key", "trust", "ci", &text(&made, "public")]);
    assert_eq!(trusted, json!({ "name": "ci", "state": "trusted" }));
    let listed = cli(&["key", "ls"]);
    assert!(listed.iter().any(|key| key["name"] == "ci" && key["key"] == made["key"]), "{listed:?}");
    assert_eq!(one(&["key", "revoke", "ci"]), json!({ "name": "ci", "state": "revoked" }));

    let state = text(&one(&["state", "create", "s"]), "stateId");
    let submit = ["task", "submit", "--artifact", &digest, "--state", "s:rw", "--", "s", "set", "k", "v"];
    // `-o json` is a flag of ours, not an argument of the guest
    let submitted = node.cli().args(["-o", "json"]).args(submit).ok();
    let submitted: Value = serde_json::from_str(&submitted).unwrap();
    let task = text(&submitted, "taskId");
    one(&["state", "bind", "--task", &task, "--state", &state, "--mode", "rw"]);
    let waited = one(&["task", "wait", &task]);
    assert_eq!(text(&waited, "state"), "TASK_STATE_SUCCEEDED");
    assert_eq!(text(&one(&["task", "cancel", &task]), "state"), "TASK_STATE_SUCCEEDED");
    assert_eq!(text(&one(&["task", "ls"]), "taskId"), task);
    let messages = cli(&["traces", "stream", "--task", &task]);
    let statuses: Vec<&Value> = messages.iter().flat_map(|m| m["tasks"].as_array().unwrap()).collect();
    assert_eq!(statuses.last().unwrap()["taskId"], task);
    assert!(messages.iter().any(|message| message["tracesData"]["resourceSpans"].is_array()));
    assert!(one(&["metrics", "stream", "--once"])["resourceMetrics"].is_array());
    // what a guest wrote is no data of ours: it passes as it is
    let logs = node.cli().args(["-o", "json", "task", "logs", &task]).run();
    let plain = node.cli().args(["task", "logs", &task]).run();
    assert_eq!((logs.code, logs.stdout, logs.stderr), (Some(0), plain.stdout, plain.stderr));
    let echoed = node.cli().args(["-o", "json", "run"]).arg(guest("echo")).stdin(b"no { json").ok();
    assert_eq!(echoed, "no { json");
    for check in cli(&["doctor"]) {
        assert!(["ok", "note"].contains(&text(&check, "result").as_str()), "{check}");
    }
    let bench = one(&["bench", "-n", "20", "--volatile"]);
    assert_eq!((&bench["tasks"], text(&bench, "durability").as_str()), (&json!(20), "volatile"));
    let [p50, max] = ["p50Us", "maxUs"].map(|name| bench["ended"][name].as_u64().unwrap());
    assert!(0 < p50 && p50 <= max, "{bench}");
    assert!(one(&["node", "--print-config"])["max_running"].is_u64());
}

#[test]
fn errors_are_json_too() {
    let node = Node::start();
    let task = "tsk_00000000000000000000000000000001";
    let said = node.cli().args(["-o", "json", "task", "wait", task]).run();
    let error: Value = serde_json::from_slice(&said.stderr).unwrap();
    assert_eq!((said.code, text(&error, "reason").as_str()), (Some(1), "TASK_NOT_FOUND"));
    assert!(!text(&error, "mend").is_empty() && !text(&error, "error").is_empty());
}
