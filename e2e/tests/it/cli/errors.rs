//! What people read when something is wrong: each names the mend.

use std::fs;

use crate::support::{Cli, Node, folder};

/// Shows a call as a person sees it, with the folders that differ from run to run replaced.
fn told(cli: Cli, args: &[&str], home: &std::path::Path) -> String {
    let said = cli.args(args).run();
    let code = said.code.unwrap();
    let (out, err) = (said.out(), said.err());
    let text = format!("$ vyr {}\nexit code {code}\n--- stdout\n{out}--- stderr\n{err}", args.join(" "));
    text.replace(home.to_str().unwrap(), "HOME")
}

macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::assert_snapshot!($name, $text)
    };
}

#[test]
fn without_a_node() {
    let dir = folder();
    let home = dir.path();
    let tell = |args: &[&str]| told(Cli::new(home), args, home);
    snapshot!("no_node", tell(&["task", "ls"]));
    snapshot!("no_node_named", tell(&["--node", "unix:/nonexistent/vyr.sock", "task", "ls"]));
    snapshot!("no_node_bad_endpoint", tell(&["--node", "localhost:80", "task", "ls"]));
    snapshot!("no_node_no_token", tell(&["--node", "http://127.0.0.1:1", "task", "ls"]));
}

#[test]
fn with_a_wrong_command_line() {
    let dir = folder();
    let home = dir.path();
    let tell = |args: &[&str]| told(Cli::new(home), args, home);
    snapshot!("wrong_flag", tell(&["task", "submit", "--artefact", "x"]));
    snapshot!("wrong_verb", tell(&["task", "start"]));
    snapshot!("missing_flag", tell(&["task", "submit"]));
    snapshot!("wrong_size", tell(&["run", "x.wasm", "--memory", "lots"]));
    snapshot!("wrong_binding", tell(&["task", "submit", "--artifact", "x", "--state", "name=st_0"]));
    snapshot!("wrong_dir", tell(&["run", "x.wasm", "--dir", "nowhere"]));
}

#[test]
fn with_a_wrong_artifact() {
    let node = Node::start();
    let home = node.home();
    let tell = |args: &[&str]| told(node.cli(), args, &home);
    snapshot!("unknown_prefix", tell(&["task", "submit", "--artifact", "sha256:abc"]));
    let digest = format!("sha256:{}", "0".repeat(64));
    snapshot!("unknown_digest", tell(&["task", "submit", "--artifact", &digest]));
    snapshot!("no_digest", tell(&["task", "submit", "--artifact", "latest"]));
    snapshot!("no_file", tell(&["artifact", "put", "missing.wasm"]));
    fs::write(home.join("text.wasm"), "this is no Wasm").unwrap();
    snapshot!("no_wasm", tell(&["artifact", "put", "text.wasm"]));
    fs::create_dir(home.join("layout")).unwrap();
    snapshot!("no_layout", tell(&["artifact", "put", "layout"]));
    snapshot!("run_no_file", tell(&["run", "missing.wasm"]));

    // of seventeen digests two begin with the same digit
    let modules = (0..17).map(|n| {
        let text = format!("(module (func (export \"_start\")) (memory (export \"memory\") {n}))");
        node.put_wasm(&format!("m{n}"), &wat::parse_str(text).unwrap())
    });
    let mut digests: Vec<String> = modules.collect();
    digests.sort();
    let same = digests.windows(2).find(|pair| pair[0][..8] == pair[1][..8]).unwrap();
    snapshot!("ambiguous_prefix", tell(&["task", "submit", "--artifact", &same[0][..8]]));
}

#[test]
fn with_a_wrong_task_state_or_key() {
    let node = Node::start();
    let home = node.home();
    let tell = |args: &[&str]| told(node.cli(), args, &home);
    let (task, state) = ("tsk_00000000000000000000000000000001", "st_00000000000000000000000000000001");
    snapshot!("unknown_task", tell(&["task", "wait", task]));
    snapshot!("no_task_id", tell(&["task", "cancel", "7"]));
    snapshot!("unknown_task_trace", tell(&["traces", "stream", "--task", task]));
    snapshot!(
        "bind_unknown_task",
        tell(&["state", "bind", "--task", task, "--state", state, "--mode", "ro"])
    );
    snapshot!("bad_state_name", tell(&["state", "create", "no/name"]));
    snapshot!("unknown_key", tell(&["key", "revoke", "nobody"]));
    snapshot!("second_node", tell(&["node", "--log", "error"]));
}

#[test]
fn with_a_socket_that_is_a_file() {
    let dir = folder();
    let file = dir.path().join("precious");
    fs::write(&file, "mine").unwrap();
    let node = Cli::new(dir.path()).args(["node", "--socket", file.to_str().unwrap()]).run();
    assert_eq!(node.code, Some(1));
    assert!(
        node.err().contains("no socket") && node.err().contains("choose another --socket"),
        "{}",
        node.err()
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}
