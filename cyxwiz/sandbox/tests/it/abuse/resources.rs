use std::fs;

use vyr_model::{Failure, LimitKind, Terminal};

use crate::support::{Host, Loose, bind};

fn limit(kind: LimitKind) -> Terminal {
    Terminal::Failed(Failure::Limit(kind))
}

#[tokio::test]
async fn fork_bomb() {
    let host = Host::new().await;
    let bomb = attack!("fork_bomb");
    let (_, loose) = Loose::python(bomb).run().await;
    assert_eq!(loose, "forked 500\n");
    let done = host.run(host.python(bomb)).await;
    assert_eq!(done.outcome.terminal, Terminal::Failed(Failure::Exit(1)));
    assert!(done.stdout.starts_with("held at 6"), "{done:?}");
    host.assert_healthy().await;

    let endless = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass";
    let wall = host.python(endless).limits(|limits| limits.wall_time = std::time::Duration::from_secs(2));
    assert_eq!(host.run(wall).await.outcome.terminal, limit(LimitKind::WallTime));
    host.assert_healthy().await;
}

#[tokio::test]
async fn memory_bomb() {
    let host = Host::new().await;
    let bomb = attack!("memory_bomb");
    for place in ["", "/tmp/x", "/dev/shm/x"] {
        let place = format!("PLACE={place}");
        let (_, loose) =
            Loose::python(bomb).env(&place).host(|host| host.shm_size = Some(1 << 30)).run().await;
        assert_eq!(loose, "took it\n", "{place}");
        let held = host
            .python(bomb)
            .env(&place)
            .job(|job| job.shm_bytes = 1 << 30)
            .limits(|limits| limits.memory_bytes = 64 << 20);
        assert_eq!(host.run(held).await.outcome.terminal, limit(LimitKind::Memory), "{place}");
        host.assert_healthy().await;
    }
}

#[tokio::test]
async fn disk_fill() {
    let host = Host::new().await;
    // slowly enough for whom it must not matter, in files and in one
    let many = r#"
for n in range(64):
    open(f"/job/out/{n}", "wb").write(b"x" * (2 << 20))
print("filled")
"#;
    let one = r#"
with open("/job/out/one", "wb") as file:
    for n in range(64): file.write(b"x" * (2 << 20))
print("filled")
"#;
    for (name, fill) in [("many", many), ("one", one)] {
        let folder = host.folder(&format!("loose-{name}"));
        let mounts = vec![bind(&folder, "/job/out")];
        let (_, loose) = Loose::python(fill).host(|host| host.binds = Some(mounts)).run().await;
        assert_eq!(loose, "filled\n");
        let folder = host.folder(name);
        let paced =
            format!("import time\n{}", fill.replace("range(64): ", "range(64):\n        time.sleep(0.02); "));
        let paced = paced.replace("range(64):\n    open", "range(64):\n    time.sleep(0.02)\n    open");
        let attempt =
            host.python(&paced).dir(&folder, "/job/out", false).job(|job| job.disk_bytes = 16 << 20);
        let done = host.run(attempt).await;
        assert_eq!(done.outcome.terminal, limit(LimitKind::Output), "{done:?}");
        let held: u64 =
            fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(held < 120 << 20, "{held} bytes");
        host.assert_healthy().await;
    }

    let root = "open('/fill', 'wb').write(b'x' * (20 << 20)); print('filled')";
    assert_eq!(Loose::python(root).run().await.1, "filled\n");
    let done = host.run(host.python(root)).await;
    assert_eq!(done.outcome.terminal, Terminal::Failed(Failure::Exit(1)));
    assert!(done.stderr.contains("Read-only file system"), "{done:?}");
}

#[tokio::test]
async fn log_flood() {
    let host = Host::new().await;
    let flood = attack!("log_flood");
    for (fd, kind) in [(1, LimitKind::Stdout), (2, LimitKind::Stderr)] {
        let fd = format!("FD={fd}");
        assert_eq!(Loose::python(flood).env(&fd).run().await.1.len(), 64 << 20);
        let attempt = host.python(flood).env(&fd).limits(|limits| {
            limits.stdout_bytes = 1 << 20;
            limits.stderr_bytes = 1 << 20;
        });
        let done = host.run(attempt).await;
        assert_eq!(done.outcome.terminal, limit(kind));
        assert_eq!(done.stdout.len() + done.stderr.len(), 1 << 20);
        host.assert_healthy().await;
    }
}
