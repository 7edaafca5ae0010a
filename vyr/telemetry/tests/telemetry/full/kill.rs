//! A child process writes under load and is killed; what it acknowledged must be there.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use vyr_model::TaskId;
use vyr_telemetry::record::{Commit, RecordOptions};

use crate::support::{accepted, ended, open, started};

const DIR: &str = "VYR_TEST_RECORD_DIR";

fn options() -> RecordOptions {
    RecordOptions { segment_bytes: 100_000, retain_bytes: u64::MAX, ..RecordOptions::default() }
}

pub(super) fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(DIR, dir).stdout(Stdio::piped());
    command
}

pub(super) fn dir_of_child() -> std::path::PathBuf {
    std::env::var_os(DIR).expect("this is the child process of another test").into()
}

/// The child: eight writers, each printing a task once its submit, and once its end, is synced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child process of `acknowledged_entries_survive_a_kill`"]
async fn writes_until_killed() {
    let (record, _) = open(&dir_of_child(), options());
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let record = record.clone();
            tokio::spawn(async move {
                for _ in 0..u64::MAX {
                    let task = TaskId::generate();
                    record.commit(&accepted(task, ""), Commit::Synced).await.unwrap();
                    say(&format!("accepted {task}"));
                    record.commit(&started(task, 1), Commit::Written).await.unwrap();
                    say(&format!("started {task}"));
                    record.commit(&ended(task), Commit::Synced).await.unwrap();
                    say(&format!("ended {task}"));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}

fn kill_after(mut child: Child, lines: usize) -> Vec<String> {
    let mut said = Vec::new();
    let output = BufReader::new(child.stdout.take().unwrap());
    for line in output.split(b'\n') {
        let line = String::from_utf8(line.unwrap()).unwrap();
        said.push(line);
        if said.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(said.len() >= lines, "the child ended by itself: {said:?}");
    said
}

#[tokio::test]
async fn acknowledged_entries_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (mut accepted, mut started, mut ended) = (HashSet::new(), HashSet::new(), HashSet::new());
    for round in 0..12 {
        let writer = child("full::kill::writes_until_killed", dir.path()).spawn().unwrap();
        for line in kill_after(writer, 60 + round * 137) {
            let Some((word, id)) = line.split_once(' ') else { continue };
            let Ok(task) = id.parse::<TaskId>() else { continue };
            match word {
                "accepted" => accepted.insert(task),
                "started" => started.insert(task),
                _ => ended.insert(task),
            };
        }
        let (record, recovery) = open(dir.path(), options());
        assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
        let queued: HashSet<_> = recovery.queued.iter().map(|left| left.task).collect();
        let running: HashSet<_> = recovery.started.iter().map(|left| left.task).collect();
        for task in &ended {
            assert!(record.ended(*task).await.unwrap().is_some(), "the end of {task} vanished");
        }
        for task in &accepted {
            let is_ended = record.ended(*task).await.unwrap().is_some();
            assert!(queued.contains(task) || running.contains(task) || is_ended, "{task} vanished");
        }
        for task in &started {
            assert!(!queued.contains(task), "{task} would run twice");
        }
    }
    assert!(ended.len() > 500);
}
