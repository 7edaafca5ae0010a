use std::fs;

use cyxwiz_sandbox::{DeliveryLimits, deliver};
use vyr_model::{Failure, LimitKind, Terminal};

use super::resources::ROOM;
use crate::support::{Attempt, Done, Host, Loose, bind};

const TOO_MUCH: Terminal = Terminal::Failed(Failure::Limit(LimitKind::Output));

/// Runs a script that writes below `/job/out` in an unhardened container, and returns what it said.
async fn loose(host: &Host, script: &str) -> String {
    let mounts = vec![bind(&host.folder("loose"), "/job/out")];
    Loose::python(script).host(|host| host.binds = Some(mounts)).run().await.1
}

fn held(host: &Host, script: &str) -> Attempt {
    host.python(script).dir(&host.folder("held"), "/job/out", false).job(|job| job.disk_bytes = ROOM.bytes)
}

#[tokio::test]
async fn zip_bomb() {
    let host = Host::new().await;
    let bomb = attack!("zip_bomb");
    assert_eq!(loose(&host, bomb).await, "unpacked\n");
    let (done, written) = bounded(&host, bomb).await;
    assert_eq!(done.outcome.terminal, TOO_MUCH, "{done:?}");
    assert!(written <= ROOM.image_bytes(), "{written} bytes");
    host.assert_healthy().await;
}

#[tokio::test]
async fn a_hundred_thousand_files() {
    let host = Host::new().await;
    let many = attack!("many_files");
    assert_eq!(loose(&host, many).await, "made them\n");
    // in a folder that is looked at, and in one that has no more room
    let done = host.run(held(&host, many)).await;
    assert_eq!(done.outcome.terminal, TOO_MUCH, "{done:?}");
    let (done, written) = bounded(&host, many).await;
    assert_eq!(done.outcome.terminal, TOO_MUCH, "{done:?}");
    assert!(written <= ROOM.image_bytes(), "{written} bytes");
    host.assert_healthy().await;
}

/// Runs a script in a bounded folder; returns what it took of the disk, too.
async fn bounded(host: &Host, script: &str) -> (Done, u64) {
    let folder = host.folder("bounded");
    let bound = host.bound(&folder, ROOM).await;
    let attempt = host.python(script).dir(&folder, "/job/out", false).job(|job| job.disk_bytes = ROOM.bytes);
    let done = host.run_beside(attempt).await;
    let Some(bound) = bound else { return (done, 0) };
    let written = bound.on_disk();
    bound.release().await;
    (done, written)
}

#[tokio::test]
async fn symlinked_output() {
    let host = Host::new().await;
    let secret = host.folder("private").join("secret");
    fs::write(&secret, "the seller's").unwrap();
    let attack = attack!("symlinked_output");
    let target = secret.display();
    let mounts = vec![bind(&host.folder("loose"), "/job/out")];
    Loose::python(attack).arg(target).host(|host| host.binds = Some(mounts)).run().await;
    // who reads what a job left as if it were his own reads what the job points at
    assert_eq!(fs::read_to_string(host.folder("loose").join("model.bin")).unwrap(), "the seller's");

    let out = host.folder("held");
    host.run(host.python(attack).arg(secret.display()).dir(&out, "/job/out", false)).await.succeeded();
    let delivery = deliver(&out, &DeliveryLimits::default()).unwrap();
    assert_eq!(delivery.files, [("real".to_owned(), 6)]);
    assert_eq!(delivery.left_out, ["folder", "model.bin", "pipe"]);
    for path in ["model.bin", "folder/secret", "pipe"] {
        assert!(delivery.open(path).is_err(), "{path}");
    }
}

#[tokio::test]
async fn host_mount() {
    let host = Host::new().await;
    let secret = host.folder("private").join("secret");
    fs::write(&secret, "the seller's").unwrap();
    let read = "import sys; print(open('/host' + sys.argv[1]).read())";
    let (_, loose) = Loose::python(read)
        .arg(secret.display())
        .host(|host| host.binds = Some(vec!["/:/host:ro".to_owned()]))
        .run()
        .await;
    assert_eq!(loose, "the seller's\n");
    let links = host.folder("links");
    std::os::unix::fs::symlink("/", links.join("root")).unwrap();
    let socket = std::path::PathBuf::from("/run");
    for path in [std::path::Path::new("/"), &links.join("root"), &socket] {
        let done = host.run(host.python(read).arg(secret.display()).dir(path, "/host", true)).await;
        assert!(matches!(done.outcome.terminal, Terminal::Failed(Failure::Grant(_))), "{done:?}");
        assert!(done.outcome.started.is_none());
    }

    let mount = attack!("mount");
    let (_, loose) = Loose::python(mount)
        .host(|host| {
            // what `--privileged` gives, as far as this needs it
            host.cap_add = Some(vec!["SYS_ADMIN".to_owned()]);
            host.security_opt =
                Some(["seccomp=unconfined", "apparmor=unconfined"].map(str::to_owned).to_vec());
        })
        .run()
        .await;
    assert_eq!(loose, "mount done\nmknod done\nunshare done\n");
    let held = host.run(host.python(mount)).await.succeeded();
    assert_eq!(
        held,
        "mount Operation not permitted\nmknod Operation not permitted\nunshare Operation not permitted\n"
    );
    host.assert_healthy().await;
}
