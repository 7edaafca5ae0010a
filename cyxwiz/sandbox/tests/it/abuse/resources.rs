use std::fs;

use cyxwiz_sandbox::VolumeRoom;
use vyr_model::{Failure, LimitKind, Terminal};

use crate::support::{Host, Loose, bind};

/// What a job may write in these tests.
pub(super) const ROOM: VolumeRoom = VolumeRoom { bytes: 16 << 20, files: 20_000 };

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

/// At full speed, in files and in one.
const FILL_MANY: &str = attack!("fill_many");
const FILL_ONE: &str = attack!("fill_one");

#[tokio::test]
async fn disk_fill() {
    let host = Host::new().await;
    for (name, fill) in [("many", FILL_MANY), ("one", FILL_ONE)] {
        filled_when_loose(&host, fill).await;
        let folder = host.folder(name);
        let Some(bound) = host.bound(&folder, ROOM).await else { break };
        let attempt =
            host.python(fill).dir(&folder, "/job/out", false).job(|job| job.disk_bytes = ROOM.bytes);
        let done = host.run_beside(attempt).await;
        assert_eq!(done.outcome.terminal, limit(LimitKind::Output), "{done:?}");
        assert_ne!(done.stdout, "filled\n");
        // what stands on the host's disk, the file system's own parts with it
        let written = bound.on_disk();
        assert!(written > ROOM.bytes && written <= ROOM.image_bytes(), "{written} bytes");
        bound.release().await;
        host.assert_healthy().await;
    }

    let root = "open('/fill', 'wb').write(b'x' * (20 << 20)); print('filled')";
    assert_eq!(Loose::python(root).run().await.1, "filled\n");
    let done = host.run(host.python(root)).await;
    assert_eq!(done.outcome.terminal, Terminal::Failed(Failure::Exit(1)));
    assert!(done.stderr.contains("Read-only file system"), "{done:?}");
}

/// Where the agent is not root: looks at the folder, and a limit for each file.
#[tokio::test]
async fn disk_fill_that_is_only_looked_at() {
    let host = Host::new().await;
    filled_when_loose(&host, FILL_MANY).await;
    for (name, fill, most) in [("many", FILL_MANY, 512 << 20), ("one", FILL_ONE, ROOM.bytes + 4096)] {
        let folder = host.folder(name);
        let attempt =
            host.python(fill).dir(&folder, "/job/out", false).job(|job| job.disk_bytes = ROOM.bytes);
        let done = host.run(attempt).await;
        assert_eq!(done.outcome.terminal, limit(LimitKind::Output), "{done:?}");
        // of the gigabyte that the attack takes
        let held: u64 =
            fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        eprintln!("{name}: {held} bytes of {}", ROOM.bytes);
        assert!(held <= most, "{name}: {held} bytes");
        fs::remove_dir_all(&folder).unwrap();
        host.assert_healthy().await;
    }
}

/// The attack is one: a gigabyte stands in the folder of a container that nobody holds.
async fn filled_when_loose(host: &Host, fill: &str) {
    let folder = host.folder("loose");
    let mounts = vec![bind(&folder, "/job/out")];
    let (_, loose) = Loose::python(fill).host(|host| host.binds = Some(mounts)).run().await;
    assert_eq!(loose, "filled\n");
    let held: u64 = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(held, 1 << 30);
    fs::remove_dir_all(&folder).unwrap();
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
