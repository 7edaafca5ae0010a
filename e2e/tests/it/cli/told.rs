//! What was said is taken at its word: a named node, a limit, a name; and what a guest chose stays text.

use std::fs;

use serde_json::Value;

use super::run::MODES;
use crate::support::{Cli, Node, Said, folder, guest};

fn told(said: &Said, code: i32, text: &str) {
    assert!(said.err().contains(text), "{}{}", said.out(), said.err());
    assert_eq!(said.code, Some(code), "{}", said.err());
}

#[test]
fn a_node_that_was_named_runs_it_or_nobody() {
    let dir = folder();
    let run = |node: &str| Cli::new(dir.path()).args(["run", "--node", node]).arg(guest("echo")).run();
    told(&run("unix:/nonexistent/vyr.sock"), 3, "no node answers at unix:/nonexistent/vyr.sock");
    told(&run("garbage"), 2, "`garbage` is no endpoint");
    told(&run("http://127.0.0.1"), 2, "http://HOST:PORT");
    let by_variable = Cli::new(dir.path()).env("VYR_NODE", "unix:/nonexistent").arg("run").arg(guest("echo"));
    told(&by_variable.run(), 3, "no node answers");
    told(&run(&format!("unix:/{}", "s".repeat(107))), 2, "107");
}

#[test]
fn a_wrong_token_is_told_by_each_verb() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let (url, file) = (format!("http://{}", node.tcp()), node.dir().join("token"));
    let program = guest("noop");
    let tell = |token: &str, args: &[&str]| {
        fs::write(&file, token).unwrap();
        node.cli().args(["--node", &url, "--token-file"]).arg(&file).args(args).run()
    };
    for args in [&["task", "ls"][..], &["artifact", "put", program.to_str().unwrap()]] {
        told(&tell(&"0".repeat(64), args), 1, "the token is wrong");
        told(&tell("two words", args), 1, "holds no token");
    }
    assert_eq!(tell(&node.token(), &["task", "ls"]).code, Some(0));
}

#[test]
fn verbs_of_the_home_refuse_another_node() {
    let node = Node::start();
    let digest = node.put("noop");
    let file = guest("noop");
    let file = file.to_str().unwrap();
    for args in [
        &["artifact", "ls"][..],
        &["artifact", "gc"],
        &["artifact", "verify", &digest],
        &["artifact", "sign", file],
        &["key", "ls"],
        &["key", "trust", "k", file],
        &["key", "revoke", "local"],
    ] {
        let said = node.cli().args(["--node", "http://127.0.0.1:1"]).args(args).run();
        told(&said, 2, &format!("`vyr {} {}` works on the files of its own home", args[0], args[1]));
    }
    // the home's own node is no other
    let own = format!("unix:{}", node.socket().display());
    assert_eq!(node.cli().args(["--node", &own, "key", "ls"]).run().code, Some(0));
}

#[test]
fn a_home_is_named_or_refused() {
    let dir = folder();
    let cli = || Cli::new(dir.path()).env("VYR_HOME", "").env("XDG_DATA_HOME", "");
    told(&cli().env("HOME", "").args(["key", "ls"]).run(), 2, "--home or VYR_HOME");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    // variables that are set to nothing are not set
    let empty =
        cli().env("VYR_NODE", "").env("VYR_SOCKET", "").env("VYR_LISTEN", "").env("VYR_TOKEN_FILE", "");
    let config = empty.env("VYR_LOG", "").args(["node", "--print-config"]).json().remove(0);
    let home = dir.path().join(".local/share/vyr");
    assert_eq!(config["home"], home.to_str().unwrap());
    assert_eq!(config["socket"], home.join("vyr.sock").to_str().unwrap());
    let long = dir.path().join("h".repeat(107));
    told(&Cli::new(&dir.path().join(".")).arg("--home").arg(&long).arg("node").run(), 2, "107");
}

#[test]
fn a_limit_is_more_than_nothing() {
    let dir = folder();
    let run = ["run", "x.wasm"];
    let submit = ["task", "submit", "--artifact", "x"];
    for (args, flag, value) in [
        (&run[..], "--memory", "0"),
        (&run, "--fuel", "0"),
        (&run, "--wall-time", "0s"),
        (&submit, "--cpu-time", "0s"),
        (&submit, "--stdout-limit", "0"),
        (&submit, "--hold-time", "0s"),
        (&["state", "create", "s"], "--ttl", "0s"),
        (&["state", "create", "s"], "--quota", "0"),
        (&["node"], "--default-memory", "0"),
        (&["node"], "--default-wall-time", "0s"),
        (&["node"], "--compile-deadline", "0s"),
        (&["key", "trust", "k", "f"], "--valid-for", "300000000000years"),
    ] {
        let said = Cli::new(dir.path()).args(args).args([flag, value]).run();
        told(&said, 2, &format!("invalid value '{value}' for '{flag}"));
    }
}

#[test]
fn what_a_guest_chose_stays_text() {
    let node = Node::start();
    let import = |name: &str| {
        wat::parse_str(format!(r#"(module (import "env" "{name}" (func)) (func (export "_start")))"#))
            .unwrap()
    };
    fs::write(node.dir().join("escape.wasm"), import("\\1b[31mred\\0anext\\c2\\9b")).unwrap();
    let program = node.dir().join("escape.wasm");
    for mode in MODES {
        let said = node.cli().arg("run").args(mode).arg(&program).run();
        assert_eq!(said.code, Some(1), "{mode:?}");
        let err = said.err();
        assert!(err.contains("red") && err.starts_with("vyr: link: "), "{mode:?}: {err}");
        assert!(!err.contains(['\u{1b}', '\u{9b}']), "{mode:?}: {err:?}");
        assert!(err.lines().skip(1).all(|line| line.starts_with("  ")), "{mode:?}: {err:?}");
    }
    let listed = node.cli().args(["task", "ls"]).ok();
    let task = listed.lines().last().unwrap().split(' ').next().unwrap();
    let waited = node.cli().args(["task", "wait", task]).run().out();
    let traced = node.cli().args(["traces", "stream", "--task", task]).ok();
    assert_eq!((listed.lines().count(), waited.lines().count()), (2, 1), "{listed}{waited}");
    for shown in [&listed, &waited, &traced] {
        assert!(
            shown.contains("\\u{1b}[31mred\\nnext") && !shown.contains(['\u{1b}', '\u{9b}']),
            "{shown:?}"
        );
    }
}

#[test]
fn traces_and_tasks_come_in_their_order() {
    let node = Node::start();
    let digest = node.put("noop");
    let submitted: Vec<String> = std::iter::repeat_with(|| {
        let task = node.cli().args(["task", "submit", "--artifact", &digest]).json().remove(0);
        let task = task["taskId"].as_str().unwrap().to_owned();
        assert_eq!(node.cli().args(["task", "wait", &task]).run().code, Some(0));
        task
    })
    .take(23)
    .collect();
    let shown = |args: &[&str]| -> Vec<String> {
        let out = node.cli().args(["traces", "stream"]).args(args).ok();
        out.lines().filter(|line| line.starts_with("tsk_")).map(|line| line[..36].to_owned()).collect()
    };
    assert_eq!(shown(&[]), submitted[3..]);
    let named: Vec<&str> = submitted.iter().flat_map(|task| ["--task", task]).collect();
    assert_eq!(shown(&named), submitted);
    assert_eq!(shown(&["-n", "2"]), submitted[21..]);

    let long = node.put("sleep");
    for _ in 0..2 {
        node.cli().args(["task", "submit", "--artifact", &long]).ok();
    }
    let listed = node.cli().args(["task", "ls", "-n", "4"]).json();
    let ids: Vec<&str> = listed.iter().map(|task| task["taskId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[..2], submitted[21..]);
    assert!(ids.is_sorted());
}

#[test]
fn a_refusal_names_its_subject_in_both_forms() {
    let node = Node::start();
    let args = ["state", "create", "s", "--ttl", "48h"];
    told(&node.cli().args(args).run(), 1, "about: ttl");
    let json = |args: &[&str], code: i32| -> Value {
        let said = node.cli().args(args).run();
        assert_eq!((said.code, said.err().lines().count()), (Some(code), 1), "{}", said.err());
        serde_json::from_str(&said.err()).unwrap()
    };
    let refused = json(&["-o", "json", "state", "create", "s", "--ttl", "48h"], 1);
    assert_eq!((&refused["subject"], &refused["reason"]), (&"ttl".into(), &"FIELD_INVALID".into()));
    let wrong = json(&["task", "submit", "-o", "json"], 2);
    assert!(wrong["error"].as_str().unwrap().contains("--artifact <ARTIFACT>"), "{wrong}");
    assert!(wrong["mend"].as_str().unwrap().contains("--help"), "{wrong}");
}

#[test]
fn doctor_tells_the_cause_and_makes_nothing() {
    let dir = folder();
    let home = dir.path().join("home");
    let check = |home: &std::path::Path, name: &str| {
        let said = Cli::new(dir.path()).args(["-o", "json", "doctor", "--home"]).arg(home).run();
        let checks =
            said.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
        (said.code, checks.into_iter().find(|check| check["name"] == name).unwrap_or_default())
    };
    let (code, found) = check(&home, "home");
    assert_eq!((code, &found["result"]), (Some(0), &"ok".into()), "{found}");
    assert!(!home.exists());
    let (code, found) = check("/dev/null".as_ref(), "home");
    assert_eq!((code, &found["result"]), (Some(1), &"bad".into()), "{found}");

    Cli::new(&home).args(["key", "ls"]).current_dir(dir.path()).ok();
    fs::write(home.join("token"), "two\nlines that are no token at all, however long they are").unwrap();
    let (code, found) = check(&home, "token");
    assert_eq!((code, &found["result"]), (Some(1), &"bad".into()), "{found}");
    fs::write(home.join("store/index.json"), "{").unwrap();
    let (_, found) = check(&home, "store");
    assert!(found["found"].as_str().unwrap().contains("index.json"), "{found}");
    assert!(found["mend"].as_str().unwrap().contains("delete"), "{found}");
}

#[test]
fn a_run_mends_a_store_that_lost_its_file() {
    let dir = folder();
    let run = || Cli::new(dir.path()).arg("run").arg(guest("echo")).stdin(b"here").run();
    assert_eq!(run().out(), "here");
    let digest = vyr_model::Digest::of(&fs::read(guest("echo")).unwrap());
    fs::remove_file(dir.path().join("store/blobs/sha256").join(digest.to_hex())).unwrap();
    let _ = fs::remove_dir_all(dir.path().join("aot"));
    let said = run();
    assert_eq!((said.code, said.out().as_str()), (Some(0), "here"), "{}", said.err());
}

#[test]
fn files_that_are_in_the_way_are_told() {
    let node = Node::start();
    for mode in MODES {
        let run = |out: &str| node.cli().arg("run").args(mode).args(["--out", out]).arg(guest("noop")).run();
        told(&run("/dev/null"), 2, "`/dev/null` is no folder");
        let new = node.dir().join(format!("new{}", mode.len()));
        assert_eq!(run(new.to_str().unwrap()).code, Some(0), "{mode:?}");
        assert!(new.is_dir(), "{mode:?}");
    }
    assert_eq!(node.cli().args(["task", "ls"]).json().len(), 1, "nothing runs before");
    // a link that was there is not followed out
    let (out, outside) = (node.dir().join("out"), node.dir().join("outside"));
    fs::create_dir(&out).unwrap();
    std::os::unix::fs::symlink(&outside, out.join("hello.txt")).unwrap();
    let said = node.cli().args(["run", "--out"]).arg(&out).arg(guest("out-files")).arg("10").run();
    told(&said, 1, "in the way");
    assert!(!outside.exists());

    let new = || node.cli().args(["key", "new", "k"]).current_dir(node.dir()).run();
    assert_eq!(new().code, Some(0));
    told(&new(), 2, "choose another name");
    told(&node.cli().args(["artifact", "put", "/etc"]).run(), 2, "`/etc` is no OCI image layout");
}
