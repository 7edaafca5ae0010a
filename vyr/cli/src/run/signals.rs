use std::{future::Future, process::ExitCode, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CliError;

/// How long the node may take to hear that a task is to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The signals that end a run, from here on in our own hand.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn watch() -> Result<Self, CliError> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate })
    }

    /// Waits for a signal; returns what a shell sees of a program that it ended.
    pub(super) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }

    /// Ends with `code` once `work` is done; at once where a second signal comes, or the node does not answer.
    pub(super) async fn end(&mut self, code: u8, work: impl Future<Output = ()>) -> ExitCode {
        tokio::select! {
            () = work => {}
            _ = self.next() => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
        ExitCode::from(code)
    }
}
