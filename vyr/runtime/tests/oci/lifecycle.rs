//! Cancelling, and what is left behind: nothing.

use std::{io, sync::Arc, time::Duration};

use tokio::sync::oneshot;
use vyr_model::{Failure, LimitKind, Terminal};
use vyr_runtime::{
    Cancel,
    oci::{OciOptions, Runtime},
};

use crate::support::{AtFirstByte, Captured, Host, Job, request};

const STUBBORN: &str = "trap '' TERM; echo up; while :; do sleep 1; done";

async fn cancelled_at_first_byte(
    host: &Host,
    script: &str,
    act: impl FnOnce(&Cancel) + Send + 'static,
) -> Terminal {
    let image = host.script(script).await;
    let cancel = Cancel::default();
    let handle = cancel.clone();
    let sink = AtFirstByte(Some(move || {
        act(&handle);
        Ok(())
    }));
    host.runtime.run(image, request(Box::new(sink), cancel)).await.terminal
}

#[tokio::test]
async fn a_program_that_does_not_listen_is_cancelled_at_once() {
    // The grace is longer than any test may take: it must not be waited for.
    let host = Host::with(|options| options.grace = Duration::from_secs(3600));
    let terminal = cancelled_at_first_byte(&host, "echo up; sleep 1000", Cancel::cancel).await;
    assert_eq!(terminal, Terminal::Cancelled);
    host.assert_clean();
}

#[tokio::test]
async fn a_program_may_tidy_up_on_cancel() {
    let host = Host::with(|options| options.grace = Duration::from_secs(3600));
    let out = host.folder.path().join("out");
    let image =
        host.script("trap 'echo bye > /out/last; exit 0' TERM; echo up; while :; do sleep 0.05; done").await;
    let cancel = Cancel::default();
    let handle = cancel.clone();
    let sink = AtFirstByte(Some(move || {
        handle.cancel();
        Ok(())
    }));
    std::fs::create_dir(&out).expect("out");
    let mut request = request(Box::new(sink), cancel);
    request.out_dir = Some(out.clone());
    assert_eq!(host.runtime.run(image, request).await.terminal, Terminal::Cancelled);
    assert_eq!(std::fs::read_to_string(out.join("last")).expect("tidied up"), "bye\n");
    host.assert_clean();
}

#[tokio::test]
async fn a_program_that_ignores_the_signal_is_killed() {
    let host = Host::with(|options| options.grace = Duration::from_millis(100));
    assert_eq!(cancelled_at_first_byte(&host, STUBBORN, Cancel::cancel).await, Terminal::Cancelled);
    host.assert_clean();
}

#[tokio::test]
async fn a_limit_from_outside_keeps_its_reason() {
    let host = Host::new();
    let stop = |cancel: &Cancel| cancel.limit(LimitKind::WallTime);
    let terminal = cancelled_at_first_byte(&host, "echo up; sleep 1000", stop).await;
    assert_eq!(terminal, Terminal::Failed(Failure::Limit(LimitKind::WallTime)));
}

#[tokio::test]
async fn a_run_cancelled_before_its_start_never_starts() {
    let host = Host::new();
    let image = host.script("echo ran").await;
    let job = Job::default();
    job.cancel.cancel();
    let done = host.run(&image, job).await;
    assert_eq!((done.outcome.terminal, done.outcome.started), (Terminal::Cancelled, None));
    assert_eq!(done.stdout, "");
}

#[tokio::test]
async fn a_run_cancelled_while_it_is_set_up_leaves_nothing() {
    let host = Host::new();
    let image = host.script("sleep 1000").await;
    for rounds in 0..10 {
        let cancel = Cancel::default();
        let run =
            host.runtime.run(Arc::clone(&image), request(Box::new(Captured::default()), cancel.clone()));
        tokio::pin!(run);
        // Some turns of the scheduler later, at another point of the set-up each time.
        for _ in 0..rounds * 20 {
            tokio::select! {
                biased;
                outcome = &mut run => panic!("ended by itself: {outcome:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        cancel.cancel();
        assert_eq!(run.await.terminal, Terminal::Cancelled);
        host.assert_clean();
    }
}

#[tokio::test]
async fn a_failing_sink_ends_the_run() {
    let host = Host::new();
    let image = host.script("yes").await;
    let sink = AtFirstByte(Some(|| Err(io::Error::other("the disk is full"))));
    let outcome = host.runtime.run(image, request(Box::new(sink), Cancel::default())).await;
    let Terminal::Failed(Failure::Internal(text)) = outcome.terminal else { panic!("{outcome:?}") };
    assert!(text.contains("the disk is full"), "{text}");
    host.assert_clean();
}

#[tokio::test]
async fn a_dropped_run_is_ended_and_removed() {
    let host = Host::new();
    let image = host.script("echo up; sleep 1000").await;
    let (up, is_up) = oneshot::channel();
    let sink = AtFirstByte(Some(move || {
        let _ = up.send(());
        Ok(())
    }));
    let run = host.runtime.run(Arc::clone(&image), request(Box::new(sink), Cancel::default()));
    tokio::select! {
        outcome = run => panic!("ended by itself: {outcome:?}"),
        up = is_up => up.expect("up"),
    }
    // The image is let go of when the container is gone.
    while Arc::strong_count(&image) > 1 {
        tokio::task::yield_now().await;
    }
    host.assert_clean();
}

#[test]
fn what_a_dead_node_left_is_swept() {
    let host = Host::new();
    let first = tokio::runtime::Runtime::new().expect("runtime");
    first.block_on(async {
        let image = host.script("echo up; sleep 1000").await;
        let (up, is_up) = oneshot::channel();
        let sink = AtFirstByte(Some(move || {
            let _ = up.send(());
            Ok(())
        }));
        let runtime = host.runtime.clone();
        tokio::spawn(async move { runtime.run(image, request(Box::new(sink), Cancel::default())).await });
        is_up.await.expect("up");
        std::fs::create_dir(host.folder.path().join("work/unpacking/half")).expect("half an image");
    });
    // The node dies: every task of it stops where it stands, and the container lives on.
    drop(first);
    let second = tokio::runtime::Runtime::new().expect("runtime");
    second.block_on(async {
        let options = OciOptions::new(host.folder.path().join("work"));
        let runtime = Runtime::detect(options).expect("usable").expect("there");
        assert_eq!(runtime.sweep().await.expect("swept"), 1);
        assert_eq!(runtime.sweep().await.expect("swept"), 0);
    });
    host.assert_clean();
}
