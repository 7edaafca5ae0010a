use std::{
    fs,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use cyxwiz_sandbox::{Gpu, ImageRef, Network};
use vyr_model::{Failure, LimitKind, Terminal};
use vyr_runtime::Stdin;

use crate::support::{AtFirstByte, Captured, Host, Loose, eventually};

fn failed(failure: Failure) -> Terminal {
    Terminal::Failed(failure)
}

#[tokio::test]
async fn a_job_runs_with_its_inputs_arguments_and_environment() {
    let host = Host::new().await;
    let (input, output) = (host.folder("in"), host.folder("out"));
    fs::write(input.join("data"), "42").unwrap();
    let script = r#"
import os, sys
print(sys.argv[1:], os.environ["CYX_X"], open("/job/in/data").read(), sys.stdin.read())
print("to stderr", file=sys.stderr)
open("/job/out/result", "w").write("done")
open("/out/blob", "w").write("blob")
print(os.getuid(), os.environ["OMP_NUM_THREADS"], os.environ["HOME"], os.access("/", os.W_OK))
"#;
    let blobs = host.folder("blobs");
    let mut attempt = host
        .python(script)
        .arg("a b")
        .dir(&input, "/job/in", true)
        .dir(&output, "/job/out", false)
        .job(|job| job.cpu_milli = 2000);
    attempt.env.push("CYX_X=ü".into());
    attempt.stdin = Stdin::Bytes(Bytes::from_static(b"fed"));
    attempt.out_dir = Some(blobs.clone());
    let done = host.run(attempt).await;
    let (started, ended) = (done.outcome.started.unwrap(), done.outcome.ended);
    assert!(done.outcome.prepared <= started && started <= ended && ended <= SystemTime::now());
    assert_eq!(done.stderr, "to stderr\n");
    assert_eq!(done.succeeded(), "['a b'] ü 42 fed\n65534 2 /tmp False\n");
    assert_eq!(fs::read_to_string(output.join("result")).unwrap(), "done");
    assert_eq!(fs::read_to_string(blobs.join("blob")).unwrap(), "blob");
}

#[tokio::test]
async fn exits_kills_and_want_of_memory_are_told_apart() {
    let host = Host::new().await;
    let exit = host.run(host.python("import sys; sys.exit(7)")).await;
    assert_eq!(exit.outcome.terminal, failed(Failure::Exit(7)));
    // `kill -9` from within and out of memory are both 137
    let killed = host.run(host.python("import os; os.kill(os.getpid(), 9)")).await;
    assert_eq!(killed.outcome.terminal, failed(Failure::Trap("killed by SIGKILL".into())));
    let bomb =
        host.python("x = bytearray(b'x') * (256 << 20)").limits(|limits| limits.memory_bytes = 64 << 20);
    assert_eq!(host.run(bomb).await.outcome.terminal, failed(Failure::Limit(LimitKind::Memory)));
}

#[tokio::test]
async fn a_job_that_cannot_start_is_its_own_fault() {
    let host = Host::new().await;
    let absent = host.python("").job(|job| job.command = vec!["/no/such/program".into()]);
    let done = host.run(absent).await;
    // the engine's own word, or that of the process that it puts before the program: Docker's, or Podman's
    assert!(
        matches!(done.outcome.terminal, Terminal::Failed(Failure::Link(_) | Failure::Exit(127 | 1))),
        "{done:?}"
    );
    let image: ImageRef = format!("sha256:{}", "00".repeat(32)).parse().unwrap();
    let unknown = host.run(host.python("").job(|job| job.image = image)).await;
    let Terminal::Failed(Failure::Link(why)) = unknown.outcome.terminal else { panic!("{unknown:?}") };
    assert!(why.ends_with("is not on this node"), "{why}");
    assert!(unknown.outcome.started.is_none());
}

#[tokio::test]
async fn a_job_that_this_machine_cannot_hold_is_refused() {
    let host = Host::new().await;
    let many = host.run(host.python("").job(|job| job.cpu_milli = 1_024_000)).await;
    assert!(matches!(many.outcome.terminal, Terminal::Failed(Failure::Link(_))), "{many:?}");
    let little = host.run(host.python("").limits(|limits| limits.memory_bytes = 1 << 20)).await;
    assert_eq!(little.outcome.terminal, failed(Failure::Limit(LimitKind::Memory)));
}

#[tokio::test]
async fn limits_of_time_end_a_job() {
    let host = Host::new().await;
    let wall = host.python("while True: pass").limits(|limits| limits.wall_time = Duration::from_millis(300));
    assert_eq!(host.run(wall).await.outcome.terminal, failed(Failure::Limit(LimitKind::WallTime)));
    let cpu = host.python("while True: pass").limits(|limits| limits.cpu_time = Duration::from_millis(300));
    let done = host.run(cpu).await;
    assert_eq!(done.outcome.terminal, failed(Failure::Limit(LimitKind::CpuTime)));
    assert!(done.outcome.cpu >= Duration::from_millis(300), "{done:?}");
}

#[tokio::test]
async fn a_cancelled_job_may_save_its_work() {
    let host = Host::new().await;
    let output = host.folder("out");
    let script = r#"
import signal, sys, time
def save(*_):
    open("/job/out/checkpoint", "w").write("saved")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready")
while True: time.sleep(1)
"#;
    let attempt = host.python(script).dir(&output, "/job/out", false).job(|job| job.grace_ms = Some(20_000));
    let (cancel, captured) = (attempt.cancel.clone(), Captured::default());
    let sink = AtFirstByte { act: Some(move || cancel.cancel()), captured: captured.clone() };
    let done = host.run_into(attempt, Box::new(sink), captured).await;
    assert_eq!(done.outcome.terminal, Terminal::Cancelled);
    assert_eq!(fs::read_to_string(output.join("checkpoint")).unwrap(), "saved");
}

#[tokio::test]
async fn a_cancel_before_the_start_runs_nothing() {
    let host = Host::new().await;
    let attempt = host.python("print('no')");
    attempt.cancel.cancel();
    let done = host.run(attempt).await;
    assert_eq!((done.outcome.terminal, done.stdout.as_str()), (Terminal::Cancelled, ""));
}

#[tokio::test]
async fn what_a_job_uses_is_sampled() {
    let host = Host::new().await;
    let script = "import time\nx = bytearray(b'x') * (64 << 20)\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass";
    host.run(host.python(script)).await.succeeded();
    let samples = host.samples.lock().unwrap().clone();
    assert!(samples.len() >= 2, "{samples:?}");
    assert!(samples.is_sorted_by_key(|usage| usage.cpu));
    assert!(samples.iter().any(|usage| usage.memory_bytes > 64 << 20 && usage.pids > 0), "{samples:?}");
}

#[tokio::test]
async fn shared_memory_is_real() {
    let host = Host::new().await;
    let script = "open('/dev/shm/x', 'wb').write(b'x' * (100 << 20)); print('fits')";
    let attempt = host.python(script).job(|job| job.shm_bytes = 128 << 20);
    assert_eq!(host.run(attempt).await.succeeded(), "fits\n");
}

#[tokio::test]
async fn what_outlives_its_parent_ends_with_the_job() {
    let host = Host::new().await;
    let script = r#"
import os, subprocess
subprocess.Popen(["sleep", "3600"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("left one")
"#;
    assert_eq!(host.run(host.python(script)).await.succeeded(), "left one\n");
}

#[tokio::test]
async fn a_job_that_closes_its_output_is_waited_for() {
    let host = Host::new().await;
    let output = host.folder("out");
    let script = r#"
import os, time
os.close(1); os.close(2)
time.sleep(1)
open("/job/out/late", "w").write("late")
"#;
    let done = host.run(host.python(script).dir(&output, "/job/out", false)).await;
    assert_eq!(done.outcome.terminal, Terminal::Succeeded);
    assert!(output.join("late").exists());
}

#[tokio::test]
async fn a_node_that_died_leaves_containers_that_a_sweep_removes() {
    let host = Host::new().await;
    let (executor, attempt) = (host.executor.clone(), host.python("import time; time.sleep(3600)"));
    let request = vyr_runtime::RunRequest {
        task: Some(vyr_model::TaskId::generate()),
        args: vec!["job".into()],
        env: vec![],
        dirs: vec![],
        http_out: vec![],
        states: vec![],
        determinism: None,
        used: vyr_runtime::Used::default(),
        limits: attempt.limits,
        stdin: Stdin::Empty,
        stdout: Box::new(Captured::default()),
        stderr: Box::new(Captured::default()),
        out_dir: None,
        cancel: attempt.cancel,
    };
    let job = attempt.job;
    let task = request.task.unwrap().to_string();
    let running = tokio::spawn(async move { executor.run(&job, request).await });
    eventually("the job runs", || async { !host.samples.lock().unwrap().is_empty() }).await;
    // the node dies: nobody waits for the job any more
    running.abort();
    let _ = running.await;
    let swept = host.engine.sweep(&host.node).await.unwrap();
    assert_eq!((swept.containers, swept.tasks), (1, vec![task]));
    host.assert_clean().await;
}

#[tokio::test]
async fn a_gpu_needs_a_toolkit_that_is_safe() {
    let host = Host::new().await;
    let done = host.run(host.python("print('x')").job(|job| job.gpu = Gpu::Device("GPU-0".into()))).await;
    // where a toolkit is installed the engine may still have no such device
    assert!(matches!(done.outcome.terminal, Terminal::Failed(_)), "{done:?}");
    assert_eq!(done.stdout, "");
}

#[tokio::test]
async fn a_job_without_a_network_has_none() {
    let host = Host::new().await;
    let script =
        "print(sorted(line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]))";
    let (_, loose) = Loose::python(script).run().await;
    assert!(loose.contains("eth0"), "{loose}");
    let none = host.python(script).job(|job| job.network = Network::None);
    assert_eq!(host.run(none).await.succeeded(), "['lo']\n");
}
