//! A disk whose syncs fail, played by a library that stands before libc: what is refused leaves nothing,
//! what was acknowledged stays.

use std::{fs, path::Path, time::Duration};

use vyr_sdk::{
    Client, ErrorKind, SdkError,
    control::{BindMode, BindStateRequest, CreateStateRequest, StateClass},
};

use super::shim;
use crate::support::{Node, NodeBuilder, Submit, ended_well, until};

/// Fails `fdatasync` on files of the record while a file named by the environment exists; before, it hangs
/// while that name with `.hangs` exists.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    const char *broken = getenv("BROKEN_DISK");
    path[length > 0 ? length : 0] = 0;
    if (broken && strstr(path, "/record/")) {
        char hangs[4096];
        snprintf(hangs, sizeof hangs, "%s.hangs", broken);
        while (access(hangs, F_OK) == 0) usleep(1000);
        if (access(broken, F_OK) == 0) { errno = EIO; return -1; }
    }
    return syscall(SYS_fdatasync, fd);
}
"#;

/// Starts a node on a disk that breaks while the file `broken` exists, and hangs while `broken.hangs` does.
pub(super) fn broken_disk(dir: &Path, args: &[&str]) -> Node {
    let shim = shim::build(dir, SHIM);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let builder = NodeBuilder::default().args(args.iter().copied());
    builder.env("LD_PRELOAD", text(&shim)).env("BROKEN_DISK", text(&dir.join("broken"))).start()
}

#[track_caller]
pub(super) fn unavailable(error: &SdkError) {
    let SdkError::Refused { kind, reason, retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!((*kind, reason.as_str()), (ErrorKind::Unavailable, "RECORD_UNAVAILABLE"));
    assert!(retry_after.is_some(), "{error:?}");
}

#[tokio::test]
async fn a_refused_submit_leaves_nothing_and_a_kept_one_stays() {
    let dir = crate::support::folder();
    let mut node = broken_disk(dir.path(), &["--max-running", "1"]);
    let client = node.client();
    let (noop, sleep) = (Submit::new(&node.put("noop")), node.put("sleep"));
    let kept = noop.send(&client).await;
    ended_well(&client.wait(&kept).await.unwrap());

    let broken = dir.path().join("broken");
    fs::write(&broken, "").unwrap();
    let key = noop.clone().key("again");
    // with a slot for it, and at once again while the disk is left alone
    for _ in 0..2 {
        unavailable(&client.submit_task(key.request()).await.unwrap_err());
    }
    // what is volatile asks the disk nothing
    let volatile = noop.clone().volatile().send(&client).await;
    ended_well(&client.wait(&kept).await.unwrap());
    fs::remove_file(&broken).unwrap();

    let again = until_taken(&client, &key).await;
    for task in [&again, &volatile] {
        ended_well(&client.wait(task).await.unwrap());
    }
    // behind a running task, so that the refused ones would have to be queued
    let running = Submit::new(&sleep).send(&client).await;
    fs::write(&broken, "").unwrap();
    unavailable(&client.submit_task(noop.request()).await.unwrap_err());
    fs::remove_file(&broken).unwrap();
    until("no refused task waits", || node.metric("vyr.queue.depth", None) < 0.5);
    node.cli().args(["task", "cancel", &running]).ok();
    client.wait(&running).await.unwrap();

    let listed = |node: &Node| -> Vec<String> {
        let tasks = node.cli().args(["task", "ls"]).json();
        let mut ids: Vec<String> =
            tasks.iter().map(|task| task["taskId"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut wanted = vec![kept, again, running, volatile];
    wanted.sort();
    assert_eq!(listed(&node), wanted);
    node.kill();
    node.start_again();
    assert_eq!(listed(&node), wanted);
    assert!(!node.log().contains("damaged"), "{}", node.log());
}

/// Submits until the disk takes it: the record tries again by itself.
pub(super) async fn until_taken(client: &Client, submit: &Submit) -> String {
    loop {
        match client.submit_task(submit.request()).await {
            Ok(answer) => return answer.task_id,
            Err(error) => unavailable(&error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_binding_that_is_not_recorded_is_not_made() {
    let dir = crate::support::folder();
    let node = broken_disk(dir.path(), &[]);
    let client = node.client();
    let request =
        CreateStateRequest { name: "s".into(), class: StateClass::Ephemeral.into(), ..Default::default() };
    let state_id = client.create_state(request).await.unwrap().state_id;
    let kv = node.put_with_states("kv", &["s"]);
    let held = Submit::new(&kv).args(["s", "set", "k", "v"]).state("s", "", BindMode::Rw);
    let task_id = held.hold_time(Duration::from_secs(600)).send(&client).await;
    let bind = BindStateRequest {
        task_id: task_id.clone(),
        state_id,
        mode: BindMode::Rw.into(),
        ..Default::default()
    };

    let broken = dir.path().join("broken");
    fs::write(&broken, "").unwrap();
    unavailable(&client.bind_state(bind.clone()).await.unwrap_err());
    let listed = node.cli().args(["task", "ls"]).json();
    assert_eq!(listed[0]["held"], true, "{listed:?}");
    assert!(node.metric("vyr.states.bindings", None) < 0.5);
    fs::remove_file(&broken).unwrap();
    loop {
        match client.bind_state(bind.clone()).await {
            Ok(answer) => break assert_eq!(answer.open_bindings, 0),
            Err(error) => unavailable(&error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ended_well(&client.wait(&task_id).await.unwrap());
}

/// A task that was acknowledged waits for the disk, rather than fail for its sake.
#[tokio::test]
async fn a_start_that_is_not_recorded_is_tried_again() {
    let dir = crate::support::folder();
    let node = broken_disk(dir.path(), &["--max-running", "1"]);
    let client = node.client();
    let running = Submit::new(&node.put("sleep")).send(&client).await;
    let waits = Submit::new(&node.put("noop")).send(&client).await;
    let broken = dir.path().join("broken");
    fs::write(&broken, "").unwrap();
    node.cli().args(["task", "cancel", &running]).ok();
    until("the next task starts", || node.metric("vyr.queue.depth", None) < 0.5);
    fs::remove_file(&broken).unwrap();
    ended_well(&client.wait(&waits).await.unwrap());
}
