use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Binaries, Place, command};
use crate::Drain;

/// The first wait before it is started again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// After so long without a crash the waits begin anew.
const STEADY: Duration = Duration::from_secs(60);
/// How long it may take to stop before it is left to its keeper.
const STOP: Duration = Duration::from_secs(30);

/// Keeps PostgreSQL running until told to stop.
pub(super) fn start(binaries: Binaries, place: Place, settings: Vec<String>, stop: Drain) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut wait = FIRST_WAIT;
        while !stop.begun() {
            let since = Instant::now();
            match command::start(&binaries, &place, &settings) {
                Ok(child) => {
                    if watch(child, &stop).await {
                        return;
                    }
                    tracing::error!("the private PostgreSQL ended by itself; starting it again");
                }
                Err(error) => tracing::error!(%error, "failed to start the private PostgreSQL"),
            }
            wait = next_wait(wait, since.elapsed());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.started() => return,
            }
            command::stop_leftover(&binaries, &place).await;
        }
    })
}

/// Waits for its end. True where we asked for it.
async fn watch(mut child: Child, stop: &Drain) -> bool {
    let input = child.stdin.take();
    if let Some(errors) = child.stderr.take() {
        tokio::spawn(log(errors));
    }
    tokio::select! {
        _ = child.wait() => return false,
        () = stop.started() => {}
    }
    drop(input);
    if tokio::time::timeout(STOP, child.wait()).await.is_err() {
        tracing::warn!("the private PostgreSQL takes long to stop");
    }
    true
}

/// Its log becomes ours.
async fn log(errors: ChildStderr) {
    let mut lines = BufReader::new(errors).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::warn!(postgres.line = line, "PostgreSQL said something");
    }
}

/// Twice the last wait, within its bounds.
fn next_wait(last: Duration, lived: Duration) -> Duration {
    if lived >= STEADY { FIRST_WAIT } else { last.saturating_mul(2).min(LONGEST_WAIT) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_begin_anew_after_a_steady_time() {
        let mut wait = FIRST_WAIT;
        for _ in 0..20 {
            wait = next_wait(wait, Duration::ZERO);
        }
        assert_eq!(wait, LONGEST_WAIT);
        assert_eq!(next_wait(wait, STEADY), FIRST_WAIT);
    }
}
