//! The three forms that hold verbatim, and the verbs around them.

use std::fs;

use crate::support::{Cli, Node, folder, guest};

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn the_three_forms_hold_verbatim() {
    let node = Node::start();
    fs::copy(guest("event-transform"), node.dir().join("event-transform.wasm")).unwrap();
    let cli = || node.cli().current_dir(node.dir());

    let put = cli().args(["artifact", "put", "./event-transform.wasm"]).ok();
    let lines: Vec<&str> = put.lines().collect();
    let hex = lines[0].strip_prefix("digest: sha256:").unwrap();
    assert!(is_hex(hex, 64), "{put}");
    assert!(lines.contains(&"signature: verified ✓"), "{put}");

    let prefix = format!("sha256:{}", &hex[..8]);
    let submitted = cli().args(["task", "submit", "--artifact", &prefix]).ok();
    let task = submitted.trim_end().strip_prefix("task_id: ").unwrap();
    assert!(is_hex(task.strip_prefix("tsk_").unwrap(), 32), "{submitted}");

    let shown = cli().args(["traces", "stream", "--task", task]).ok();
    let phases = shown.lines().find(|line| line.starts_with("[submit]")).unwrap_or_else(|| panic!("{shown}"));
    let parts: Vec<&str> = phases.split(" → ").collect();
    for (part, name) in parts.iter().zip(["[submit] ", "[execute] ", "[complete] "]) {
        let time = part.strip_prefix(name).unwrap_or_else(|| panic!("{phases}"));
        let (number, unit) = time.split_once(' ').unwrap();
        assert!(number.parse::<f64>().is_ok() && ["µs", "ms", "s"].contains(&unit), "{time}");
    }
    assert_eq!(parts.len(), 3, "{phases}");
    assert!(shown.starts_with(&format!("{task} succeeded\n")), "{shown}");
    assert!(shown.contains("/out/summary.json sha256:"), "{shown}");
}

#[test]
fn tasks_are_waited_for_listed_read_and_cancelled() {
    let node = Node::start();
    let submit = |name: &str, args: &[&str]| {
        let digest = node.put(name);
        let out = node.cli().args(["task", "submit", "--artifact", &digest, "--"]).args(args).ok();
        out.trim_end().strip_prefix("task_id: ").unwrap().to_owned()
    };
    let task = submit("args-env", &["one", "two"]);
    let waited = node.cli().args(["task", "wait", &task]).ok();
    assert_eq!(waited, format!("{task}: succeeded\n"));
    let logs = node.cli().args(["task", "logs", &task]).ok();
    assert!(logs.starts_with("arg 0=args-env\narg 1=one\narg 2=two\n"), "{logs}");

    let task = submit("exit-code.p1", &["7"]);
    let waited = node.cli().args(["task", "wait", &task]).run();
    assert_eq!((waited.code, waited.out()), (Some(7), format!("{task}: failed: exit code 7\n")));

    let task = submit("sleep", &[]);
    let cancelled = node.cli().args(["task", "cancel", &task]).ok();
    assert!(cancelled == format!("{task}: cancelling\n") || cancelled == format!("{task}: cancelled\n"));
    let waited = node.cli().args(["task", "wait", &task]).run();
    assert_eq!((waited.code, waited.out()), (Some(1), format!("{task}: cancelled\n")));
    assert_eq!(node.cli().args(["task", "cancel", &task]).ok(), format!("{task}: cancelled\n"));

    let listed = node.cli().args(["task", "ls", "--state", "failed"]).ok();
    assert!(listed.contains("exit code 7") && !listed.contains("succeeded"), "{listed}");
}

#[test]
fn bench_measures_tasks_that_do_nothing() {
    let node = Node::start();
    let shown = node.cli().args(["bench", "-n", "30"]).ok();
    let rows: Vec<&str> = shown.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(rows, ["SUBMIT", "accepted", "ended"], "{shown}");
    // one before those that count
    assert_eq!(node.metric("vyr.tasks.accepted", None), 31.0);
}

/// The address of an artifact is its content's and its manifest's alone: no time, path, key or machine in it.
#[test]
fn the_same_file_put_in_two_fresh_homes_prints_the_same_digest() {
    let put = || {
        let dir = folder();
        let file = dir.path().join("echo.wasm");
        fs::copy(guest("echo"), &file).unwrap();
        let home = dir.path().join("home");
        let out = Cli::new(dir.path()).env("VYR_HOME", &home).args(["artifact", "put"]).arg(&file).ok();
        let digests: Vec<_> =
            out.lines().filter(|line| line.contains("sha256:")).map(str::to_owned).collect();
        let key = fs::read(home.join("keys/local.pem")).unwrap();
        (digests, key)
    };
    let [(first, key), (second, other_key)] = [put(), put()];
    assert!(first[0].starts_with("digest: sha256:"), "{first:?}");
    assert_eq!(first, second);
    assert_ne!(key, other_key, "each home has a key of its own");
}
