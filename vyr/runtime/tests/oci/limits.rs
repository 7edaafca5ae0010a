//! Each limit ends a container with its own reason, and nothing else does.

use std::time::Duration;

use vyr_model::{Failure, LimitKind, Limits, Terminal};

use crate::support::{Done, Host, Job, shared};

async fn limited(script: &str, change: impl FnOnce(&mut Limits)) -> Done {
    let host = shared();
    host.run(&host.script(script).await, Job::limits(change)).await
}

fn assert_limit(done: &Done, kind: LimitKind) {
    assert_eq!(done.outcome.terminal, Terminal::Failed(Failure::Limit(kind)), "{done:?}");
}

#[tokio::test]
async fn wall_time() {
    let done = limited("sleep 1000", |limits| limits.wall_time = Duration::from_millis(300)).await;
    assert_limit(&done, LimitKind::WallTime);
}

#[tokio::test]
async fn cpu_time() {
    let done = limited("while :; do :; done", |limits| limits.cpu_time = Duration::from_millis(300)).await;
    assert_limit(&done, LimitKind::CpuTime);
    assert!(done.outcome.cpu >= Duration::from_millis(300), "{done:?}");
}

#[tokio::test]
async fn cpu_time_of_many_processes_is_added_up() {
    let script = "for i in 1 2 3 4; do (while :; do :; done) & done; wait";
    let done = limited(script, |limits| limits.cpu_time = Duration::from_millis(500)).await;
    assert_limit(&done, LimitKind::CpuTime);
}

#[tokio::test]
async fn memory() {
    let done = limited("x=$(yes | head -c 200000000); echo ${#x}", |l| l.memory_bytes = 32 << 20).await;
    assert_limit(&done, LimitKind::Memory);
}

#[tokio::test]
async fn files_in_tmp_count_as_memory() {
    let done = limited("cat /dev/zero > /tmp/zeros", |limits| limits.memory_bytes = 32 << 20).await;
    assert_limit(&done, LimitKind::Memory);
}

#[tokio::test]
async fn memory_too_small_to_start_in() {
    let done = limited("true", |limits| limits.memory_bytes = 256 << 10).await;
    assert_limit(&done, LimitKind::Memory);
}

#[tokio::test]
async fn stdout_keeps_exactly_what_fits() {
    let done = limited("yes", |limits| limits.stdout_bytes = 100_001).await;
    assert_limit(&done, LimitKind::Stdout);
    assert_eq!(done.stdout.len(), 100_001);
}

#[tokio::test]
async fn stderr_keeps_exactly_what_fits() {
    let done = limited("yes >&2", |limits| limits.stderr_bytes = 10).await;
    assert_limit(&done, LimitKind::Stderr);
    assert_eq!(done.stderr, "y\ny\ny\ny\ny\n");
}

#[tokio::test]
async fn what_just_fits_is_no_limit() {
    let done = limited("echo 123; echo 45 >&2", |limits| {
        limits.stdout_bytes = 4;
        limits.stderr_bytes = 3;
    });
    assert_eq!(done.await.succeeded(), "123\n");
}

#[tokio::test]
async fn output_of_a_running_program() {
    let host = Host::new();
    let image =
        host.script("while :; do dd if=/dev/zero bs=64k count=1 of=/out/$i 2>/dev/null; i=x$i; done").await;
    let job = Job::limits(|limits| limits.output_bytes = 1 << 20).out(&host.folder.path().join("out"));
    let done = host.run(&image, job).await;
    assert_limit(&done, LimitKind::Output);
    host.assert_clean();
}

#[tokio::test]
async fn output_of_a_program_that_has_ended() {
    let host = Host::new();
    let image = host.script("echo 12345 > /out/a; mkdir /out/b; echo 12345 > /out/b/c").await;
    for (bytes, fits) in [(12, true), (11, false)] {
        let out = host.folder.path().join(format!("out-{bytes}"));
        let done = host.run(&image, Job::limits(|limits| limits.output_bytes = bytes).out(&out)).await;
        if fits {
            done.succeeded();
        } else {
            assert_limit(&done, LimitKind::Output);
        }
    }
}

#[tokio::test]
async fn one_enormous_file() {
    let host = Host::new();
    let image = host.script("dd if=/dev/zero of=/out/huge bs=1M count=100000").await;
    let job = Job::limits(|limits| limits.output_bytes = 1 << 20).out(&host.folder.path().join("out"));
    assert_limit(&host.run(&image, job).await, LimitKind::Output);
}

#[tokio::test]
async fn a_fork_bomb_stays_inside() {
    let host = Host::with(|options| options.pids = 32);
    let image =
        host.script("bomb() { bomb | bomb & }; bomb; wait; echo $(ls /proc | grep -c '^[0-9]')").await;
    let done = host.run(&image, Job::limits(|limits| limits.wall_time = Duration::from_secs(5))).await;
    assert!(done.outcome.terminal != Terminal::Lost, "{done:?}");
    host.assert_clean();
    assert_eq!(host.run(&host.script("echo well").await, Job::default()).await.succeeded(), "well\n");
}

#[tokio::test]
async fn open_files_are_bounded() {
    let done = limited("ulimit -n", |limits| limits.handles = 20).await;
    assert_eq!(done.succeeded(), "20\n");
}
