//! A disk that fills under the node: what it cannot keep fails by name, and with room it goes on.

use std::{path::Path, process::Command};

use vyr_model::Digest;
use vyr_sdk::{
    Client, Endpoint,
    control::{FailureKind, TaskState, TaskStatus},
};

use crate::support::{Cli, Node, NodeBuilder, Submit, ended_well, guest, shown, until_some};

const MIB: u64 = 1 << 20;

/// Starts a node whose home is a small file system that it alone sees, and tells how others come to see it;
/// `None` where the machine allows none.
fn small() -> Option<(Node, String)> {
    // as root, or in a user namespace where the system allows those
    let ways = [
        ("unshare --mount", "--mount"),
        ("unshare --user --map-root-user --mount", "--user --preserve-credentials --mount"),
    ];
    let allowed = |(way, _): &&(&str, &str)| {
        let mount = format!("{way} sh -c 'mount -t tmpfs none /mnt'");
        Command::new("sh").arg("-c").arg(mount).output().is_ok_and(|output| output.status.success())
    };
    let Some((way, enter)) = ways.iter().find(allowed) else {
        // what a person's machine does not allow is told; a gate that leaves it out has failed
        let why = "mounting a small file system needs root or user namespaces";
        assert!(std::env::var_os("CI").is_none(), "not tested: {why}");
        eprintln!("NOT TESTED: {why}");
        return None;
    };
    let mount = "mount -t tmpfs -o size=96m,mode=700 none \"$VYR_HOME\" && exec \"$@\"";
    let node = NodeBuilder::default().behind(&format!("exec {way} sh -c '{mount}' sh \"$@\"")).start();
    let enter = format!("exec nsenter --target {} {enter} \"$@\"", node.pid());
    Some((node, enter))
}

/// Returns a client of a node whose home others do not see.
fn client(node: &Node) -> Client {
    let root = Path::new("/proc").join(node.pid().to_string()).join("root");
    Client::new(Endpoint::Unix(root.join(node.socket().strip_prefix("/").unwrap())), None).unwrap()
}

/// Asserts that a task ended, and if not well, then as docs/api says of a full disk; tells whether well.
#[track_caller]
fn ended_as_told(status: &TaskStatus) -> bool {
    match (status.state.as_known(), status.failure.as_known()) {
        (Some(TaskState::Succeeded), _) => return true,
        // the guest met the error and gave up, or the node could not do its part
        (Some(TaskState::Failed), Some(FailureKind::Exit)) => assert_ne!(status.exit_code, 0),
        (Some(TaskState::Failed), Some(FailureKind::Internal)) => {
            assert!(!status.message.is_empty(), "{}", shown(status));
        }
        _ => panic!("{}", shown(status)),
    }
    false
}

/// Puts blobs of this size until there is no room for one more.
async fn fill(client: &Client, size: u64) {
    for index in 0..1000_u64 {
        let mut bytes = vec![7; usize::try_from(size).unwrap()];
        bytes[..8].copy_from_slice(&(size + index).to_le_bytes());
        let (digest, bytes) = (Digest::of(&bytes), std::io::Cursor::new(bytes));
        if let Err(refusal) = client.put_blob(digest, size, bytes).await {
            assert_eq!(refusal.reason(), Some("DISK_FULL"), "{refusal:?}");
            return;
        }
    }
    panic!("a thousand blobs of {size} bytes found room");
}

#[tokio::test]
async fn a_home_without_room_fails_tasks_by_name_and_works_again() {
    let Some((mut node, enter)) = small() else { return };
    let (client, home) = (client(&node), node.home());
    let cli = || Cli::behind(&home, &enter);
    let put = |name: &str| {
        let put = cli().args(["artifact", "put"]).arg(guest(name)).json();
        put[0]["digest"].as_str().unwrap().to_owned()
    };
    let [noop, files, flood] = ["noop", "out-files", "flood"].map(put);
    ended_well(&Submit::new(&noop).run(&client).await);

    // four at a time write files until there is no room for more
    let (mut well, mut badly) = (0, 0);
    for round in 0..20_u64 {
        let size = |task: u64| 4 * MIB + round * 4 + task;
        let four: Vec<_> = (0..4).map(|task| Submit::new(&files).args([size(task).to_string()])).collect();
        for status in futures::future::join_all(four.iter().map(|submit| submit.run(&client))).await {
            if ended_as_told(&status) {
                well += 1;
            } else {
                badly += 1;
            }
        }
        if badly >= 8 {
            break;
        }
    }
    assert!(well > 0 && badly >= 8, "{well} ended well, {badly} did not");
    // what a guest writes to stdout is the node's to keep
    let flooded = Submit::new(&flood).run(&client).await;
    assert_eq!(flooded.failure.as_known(), Some(FailureKind::Internal), "{}", shown(&flooded));

    // to the last page
    for size in [MIB, MIB >> 4, 4096] {
        fill(&client, size).await;
    }
    match client.submit_task(Submit::new(&files).request()).await {
        Ok(task) => assert!(!ended_as_told(&client.wait(&task.task_id).await.unwrap())),
        Err(refusal) => assert_eq!(refusal.reason(), Some("RECORD_UNAVAILABLE"), "{refusal:?}"),
    }
    assert!(node.is_alive());

    // the mend that docs/operations.md names
    let removed = cli().args(["artifact", "gc", "--min-age", "0s"]).json();
    assert!(removed[0]["removed"].as_u64().unwrap() > 0, "{removed:?}");
    // the record tries again every second
    let task = until_some("the node takes tasks again", || {
        let submit = ["-o", "json", "task", "submit", "--artifact", &files, "--", "100000"];
        let said = cli().args(submit).run();
        let answer: Option<serde_json::Value> = serde_json::from_slice(&said.stdout).ok();
        Some(answer?["taskId"].as_str()?.to_owned())
    });
    ended_well(&client.wait(&task).await.unwrap());
    ended_well(&Submit::new(&noop).run(&client).await);
}
