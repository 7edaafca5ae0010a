//! How many runs of many small images do what they should: all of them.

use std::{sync::Arc, time::Instant};

use serde_json::json;
use vyr_model::{Failure, LimitKind, Terminal};
use vyr_runtime::{Stdin, oci::Rootfs};

use crate::{
    image::{Layer, busybox},
    support::{Host, Job},
};

/// One image, what it is given, and what must come of it.
struct Case {
    name: &'static str,
    image: Arc<Rootfs>,
    job: fn() -> Job,
    terminal: Terminal,
    stdout: &'static str,
}

async fn cases(host: &Host) -> Vec<Case> {
    let ok = Terminal::Succeeded;
    let limit = |kind| Terminal::Failed(Failure::Limit(kind));
    let layered = vec![
        busybox().gzip(),
        Layer::new().file("data/a", b"lower").file("data/b", b"hidden"),
        Layer::new().file("data/.wh.b", b"").file("data/a", b"upper\n").gzip(),
    ];
    let case = |name, image, job, terminal, stdout| Case { name, image, job, terminal, stdout };
    let sh = |script: &'static str| host.script(script);
    vec![
        case("echo", host.config(json!({ "Cmd": ["echo", "hi"] })).await, Job::default, ok.clone(), "hi\n"),
        case("cat", host.config(json!({ "Cmd": ["cat"] })).await, || Job::stdin("in\n"), ok.clone(), "in\n"),
        case(
            "sort",
            host.config(json!({ "Cmd": ["sort"] })).await,
            || Job::stdin("b\na\n"),
            ok.clone(),
            "a\nb\n",
        ),
        case(
            "env",
            host.config(json!({ "Cmd": ["sh", "-c", "echo $A$B"], "Env": ["A=1"] })).await,
            || Job { env: vec!["B=2".into()], ..Job::default() },
            ok.clone(),
            "12\n",
        ),
        case("exit", sh("exit 42").await, Job::default, Terminal::Failed(Failure::Exit(42)), ""),
        case(
            "folder",
            host.config(json!({ "Cmd": ["pwd"], "WorkingDir": "/w" })).await,
            Job::default,
            ok.clone(),
            "/w\n",
        ),
        case(
            "user",
            host.config(json!({ "Cmd": ["sh", "-c", "id -u"], "User": "1000" })).await,
            Job::default,
            ok.clone(),
            "1000\n",
        ),
        case(
            "layers",
            host.layers(json!({ "Cmd": ["sh", "-c", "cat data/*"] }), layered).await,
            Job::default,
            ok.clone(),
            "upper\n",
        ),
        case("tmp", sh("echo t > /tmp/t; cat /tmp/t").await, Job::default, ok.clone(), "t\n"),
        case("read-only", sh("touch /x 2>/dev/null || echo no").await, Job::default, ok.clone(), "no\n"),
        case("network", sh("ip route | wc -l").await, Job::default, ok.clone(), "0\n"),
        case(
            "trap",
            sh("sh -c 'kill -ABRT $$'; exit $?").await,
            Job::default,
            Terminal::Failed(Failure::Trap("killed by SIGABRT".into())),
            "",
        ),
        case(
            "memory",
            sh("x=$(yes | head -c 99000000)").await,
            || Job::limits(|limits| limits.memory_bytes = 24 << 20),
            limit(LimitKind::Memory),
            "",
        ),
        case(
            "stdout",
            sh("yes").await,
            || Job::limits(|limits| limits.stdout_bytes = 4),
            limit(LimitKind::Stdout),
            "y\ny\n",
        ),
        case(
            "stream",
            host.config(json!({ "Cmd": ["wc", "-c"] })).await,
            || Job { stdin: Stdin::Stream(Box::new(&[7_u8; 5000][..])), ..Job::default() },
            ok,
            "5000\n",
        ),
    ]
}

/// Runs every image in turn, prints the rate and asserts that it is 100 %.
pub(crate) async fn all_succeed(runs: usize) {
    let host = Host::new();
    let cases = cases(&host).await;
    let mut failures = Vec::new();
    let mut times = Vec::new();
    for case in cases.iter().cycle().take(runs) {
        let began = Instant::now();
        let done = host.run(&case.image, (case.job)()).await;
        times.push(began.elapsed());
        if done.outcome.terminal != case.terminal || done.stdout != case.stdout {
            failures.push(format!("{}: {done:?}", case.name));
        }
    }
    times.sort();
    let rate = 100.0 * (runs - failures.len()) as f64 / runs as f64;
    println!(
        "{}: {rate:.1} % of {runs} runs of {} images did what they should; P50 {:?}, P99 {:?}",
        host.runtime.version(),
        cases.len(),
        times[runs / 2],
        times[runs * 99 / 100]
    );
    assert!(failures.is_empty(), "{failures:#?}");
    host.assert_clean();
}

#[tokio::test]
async fn twenty_runs_of_many_images_all_succeed() {
    all_succeed(20).await;
}
