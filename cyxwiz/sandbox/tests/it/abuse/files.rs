use std::fs;

use cyxwiz_sandbox::{DeliveryLimits, deliver};
use vyr_model::{Failure, LimitKind, Terminal};

use crate::support::{Attempt, Host, Loose, bind};

const TOO_MUCH: Terminal = Terminal::Failed(Failure::Limit(LimitKind::Output));

/// Runs a script that writes below `/job/out` in an unhardened container, and returns what it said.
async fn loose(host: &Host, script: &str) -> String {
    let mounts = vec![bind(&host.folder("loose"), "/job/out")];
    Loose::python(script).host(|host| host.binds = Some(mounts)).run().await.1
}

fn held(host: &Host, script: &str) -> Attempt {
    host.python(script).dir(&host.folder("held"), "/job/out", false).job(|job| job.disk_bytes = 16 << 20)
}

#[tokio::test]
async fn zip_bomb() {
    let host = Host::new().await;
    let bomb = r#"
import io, os, time, zipfile
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
    for n in range(96): archive.writestr(f"{n}", b"\0" * (1 << 20))
assert len(packed.getvalue()) < 200_000
with zipfile.ZipFile(packed) as archive:
    for name in archive.namelist():
        archive.extract(name, "/job/out")
        time.sleep(PAUSE)
print("unpacked")
"#;
    assert_eq!(loose(&host, &bomb.replace("PAUSE", "0")).await, "unpacked\n");
    let done = host.run(held(&host, &bomb.replace("PAUSE", "0.02"))).await;
    assert_eq!(done.outcome.terminal, TOO_MUCH, "{done:?}");
    host.assert_healthy().await;
}

#[tokio::test]
async fn a_hundred_thousand_files() {
    let host = Host::new().await;
    let many = r#"
for n in range(100_000): open(f"/job/out/{n}", "w").close()
print("made them")
"#;
    assert_eq!(loose(&host, many).await, "made them\n");
    let done = host.run(held(&host, many)).await;
    assert_eq!(done.outcome.terminal, TOO_MUCH, "{done:?}");
    host.assert_healthy().await;
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
