use vyr_model::{Failure, LimitKind, Terminal};

use crate::support::{AtFirstByte, Captured, Host, Loose};

const REFUSES: &str = attack!("refuses_sigterm");

#[tokio::test]
async fn refusing_sigterm() {
    let host = Host::new().await;
    let mut loose = Loose::python(REFUSES).start().await;
    assert_eq!(loose.line().await, "ready\n");
    loose.signal("SIGTERM").await;
    // the signal came, and it runs on
    assert_eq!(loose.line().await, "no\n");
    assert!(loose.runs().await);
    loose.remove().await;

    let attempt = host.python(REFUSES);
    let (cancel, captured) = (attempt.cancel.clone(), Captured::default());
    let sink = AtFirstByte { act: Some(move || cancel.cancel()), captured: captured.clone() };
    let done = host.run_into(attempt, Box::new(sink), captured).await;
    assert_eq!(done.outcome.terminal, Terminal::Cancelled);
    assert_eq!(done.stdout, "ready\nno\n");
    host.assert_healthy().await;
}

#[tokio::test]
async fn a_grace_is_no_way_around_the_limits() {
    let host = Host::new().await;
    let flood = r#"
import os, signal
def flood(*_):
    while True: os.write(2, b"x" * 65536)
signal.signal(signal.SIGTERM, flood)
print("ready", flush=True)
while True: signal.pause()
"#;
    let attempt = host.python(flood).job(|job| job.grace_ms = Some(60_000)).limits(|limits| {
        limits.stderr_bytes = 1 << 20;
    });
    let (cancel, captured) = (attempt.cancel.clone(), Captured::default());
    let sink =
        AtFirstByte { act: Some(move || cancel.limit(LimitKind::WallTime)), captured: captured.clone() };
    let done = host.run_into(attempt, Box::new(sink), captured).await;
    assert_eq!(done.outcome.terminal, Terminal::Failed(Failure::Limit(LimitKind::WallTime)));
    assert_eq!(done.stderr.len(), 1 << 20);
    host.assert_healthy().await;
}
