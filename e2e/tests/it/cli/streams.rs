//! Signals, closed pipes, full disks and pipes in place of files.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    process::{Child, Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use super::run::MODES;
use crate::support::{Cli, Node, Said, guest, until};

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// Returns a pipe's end that nobody reads.
fn closed() -> Stdio {
    io::pipe().unwrap().1.into()
}

fn said(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    Said { code: output.status.code(), stdout: output.stdout, stderr: output.stderr }
}

/// Counts the tasks in a state.
fn tasks(node: &Node, state: &str) -> usize {
    node.cli().args(["task", "ls", "--state", state]).json().len()
}

/// Starts `vyr run` of a guest that does not end, by the node, and waits until it executes.
fn spinning(node: &Node) -> Child {
    let mut command = node.cli().arg("run").arg(guest("spin")).into_command();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the guest runs", || tasks(node, "running") == 1);
    child
}

#[test]
fn a_signal_ends_the_task_too() {
    let node = Node::start();
    for (n, (signal, code)) in [(Signal::INT, 130), (Signal::TERM, 143)].into_iter().enumerate() {
        let child = spinning(&node);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), err.as_str()), (Some(code), ""));
        until("the task is cancelled", || tasks(&node, "cancelled") == n + 1);
    }
}

#[test]
fn a_closed_pipe_ends_a_run_without_a_word() {
    let node = Node::start();
    for mode in MODES {
        let mut command = node.cli().arg("run").args(mode).arg(guest("flood")).into_command();
        let said = said(command.stdout(closed()));
        assert!(!said.err().contains("vyr") && !said.err().contains("error"), "{mode:?}: {}", said.err());
        assert_eq!(said.code, Some(141), "{mode:?}");
    }
    until("the task is cancelled", || tasks(&node, "cancelled") == 1);
}

#[test]
fn a_full_disk_ends_a_run_with_a_word() {
    let node = Node::start();
    for mode in MODES {
        let mut command = node.cli().arg("run").args(mode).arg(guest("flood")).into_command();
        let said = said(command.stdout(full()));
        assert_eq!(said.code, Some(1), "{mode:?}");
        assert!(said.err().contains("No space left"), "{mode:?}: {}", said.err());
    }
    until("the task is cancelled", || tasks(&node, "cancelled") == 1);
}

#[test]
fn verbs_bear_readers_that_leave_and_disks_that_are_full() {
    let node = Node::start();
    node.put("noop");
    for args in [&["completions", "bash"][..], &["artifact", "ls"], &["key", "ls"], &["--help"], &["doctor"]]
    {
        let ended = said(node.cli().args(args).into_command().stdout(closed()));
        assert_eq!((ended.code, ended.err().as_str()), (Some(0), ""), "{args:?}");
        let ended = said(node.cli().args(args).into_command().stdout(full()));
        assert!(ended.err().contains("No space left"), "{args:?}: {}", ended.err());
        assert_eq!(ended.code, Some(1), "{args:?}");
    }
}

#[test]
fn talk_that_nobody_hears_changes_no_exit_code() {
    let node = Node::start();
    let exit = |cli: Cli| {
        let mut command = cli.into_command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full()).status().unwrap().code()
    };
    for mode in MODES {
        let run = |name: &str| node.cli().arg("run").args(mode).arg(guest(name));
        assert_eq!(exit(run("trap")), Some(134), "{mode:?}");
        assert_eq!(exit(run("spin").args(["--wall-time", "1ms"])), Some(1), "{mode:?}");
    }
    assert_eq!(exit(node.cli().args(["artifact", "put"]).arg(guest("noop"))), Some(0));
    assert_eq!(exit(node.cli().args(["--node", "unix:/nowhere", "task", "ls"])), Some(3));
    assert_eq!(exit(node.cli().args(["task", "lss"])), Some(2));
    assert_eq!(exit(node.cli().args(["-o", "json", "task", "lss"])), Some(2));
}

#[test]
fn a_pipe_is_as_good_as_a_file() {
    let node = Node::start();
    let wasm = fs::read(guest("echo")).unwrap();
    let digest = node.put_with(&guest("echo"), &["--name", "same"]);
    let put = node.cli().args(["artifact", "put", "--name", "same", "/dev/stdin"]).stdin(&wasm).json();
    assert_eq!(put[0]["digest"], digest.as_str());
    let submit = node.cli().args(["task", "submit", "--artifact", &digest, "--input", "/dev/stdin"]);
    let task = submit.stdin(b"through a pipe").json().remove(0);
    let task = task["taskId"].as_str().unwrap();
    assert_eq!(node.cli().args(["task", "wait", task]).run().code, Some(0));
    assert_eq!(node.cli().args(["task", "logs", task]).ok(), "through a pipe");
    for mode in MODES {
        // the program by one pipe, its input by another
        let mut command = node.cli().arg("run").args(mode).arg("/dev/fd/9").into_command();
        let line = format!("exec \"$0\" \"$@\" 9< <(cat '{}')", guest("echo").display());
        let mut shell = Command::new("bash");
        shell.args(["-c", &line]).arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command = shell;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"input").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, b"input", "{mode:?}");
    }
}

/// A file that cannot be read is no node that cannot be reached.
#[tokio::test]
async fn an_upload_that_fails_here_is_no_fault_of_the_node() {
    let node = Node::start();
    // a folder opens, and does not read
    let folder = tokio::fs::File::open(node.dir()).await.unwrap();
    let put = node.client().put_blob(vyr_model::Digest::of(b"x"), 1, folder).await;
    assert!(matches!(&put, Err(vyr_sdk::SdkError::Io(_))), "{put:?}");
    assert!(!node.client().has_blob(vyr_model::Digest::of(b"x")).await.unwrap());
}

#[test]
fn a_node_that_goes_away_is_told_with_the_task() {
    let mut node = Node::start();
    let run = spinning(&node);
    let listed = node.cli().args(["task", "ls"]).json();
    let task = listed[0]["taskId"].as_str().unwrap().to_owned();
    let follow = |args: &[&str]| {
        let mut command = node.cli().args(args).arg(&task).into_command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut logs = follow(&["task", "logs"]);
    let mut first = [0];
    logs.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let wait = follow(&["task", "wait"]);
    node.kill();
    let ends = [run, logs, wait].map(|child| thread::spawn(|| child.wait_with_output().unwrap()));
    for (n, end) in ends.into_iter().enumerate() {
        let output = end.join().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{n}: {err}");
        // `wait` may not have reached it before
        let told = err.contains("went away") && err.contains(&format!("`vyr task wait {task}`"));
        assert!(told || (n == 2 && err.contains("no node answers")), "{n}: {err}");
    }
}
