//! What a job writes, moved into its sinks as it comes; and what it reads.

use std::pin::Pin;

use bollard::{container::LogOutput, errors::Error};
use futures::{Stream, StreamExt as _};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use vyr_model::{LimitKind, Limits};
use vyr_runtime::{OutputSink, Stdin};

use super::stop::{Stop, Stops};

/// A sink and how much it still takes.
pub(super) struct Counted<'a> {
    sink: &'a mut dyn OutputSink,
    left: u64,
    kind: LimitKind,
    open: bool,
}

impl<'a> Counted<'a> {
    pub(super) fn stdout(sink: &'a mut dyn OutputSink, limits: &Limits) -> Self {
        Self { sink, left: limits.stdout_bytes, kind: LimitKind::Stdout, open: true }
    }

    pub(super) fn stderr(sink: &'a mut dyn OutputSink, limits: &Limits) -> Self {
        Self { sink, left: limits.stderr_bytes, kind: LimitKind::Stderr, open: true }
    }

    /// Takes what fits; the rest is dropped, and ends the job.
    fn take(&mut self, bytes: &[u8], stops: &Stops) {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        if self.open
            && let Err(error) = self.sink.write(bytes.get(..fits).unwrap_or_default())
        {
            stops.stop(Stop::Broken(format!("{error}: {}", error.0)));
            self.open = false;
        }
        self.left = self.left.saturating_sub(u64::try_from(fits).unwrap_or(u64::MAX));
        if fits < bytes.len() {
            stops.stop(Stop::Limit(self.kind));
            self.open = false;
        }
    }
}

/// Moves both streams to their end. The engine waits for us, and the job for the engine: nothing piles up.
pub(super) async fn drain(
    mut from: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    mut stdout: Counted<'_>,
    mut stderr: Counted<'_>,
    stops: &Stops,
) {
    while let Some(output) = from.next().await {
        match output {
            Ok(LogOutput::StdErr { message }) => stderr.take(&message, stops),
            Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
                stdout.take(&message, stops)
            }
            Ok(LogOutput::StdIn { .. }) => {}
            // the wait for the container says what became of it
            Err(_) => return,
        }
    }
}

/// Whether anything is to be fed.
pub(super) const fn has_input(stdin: &Stdin) -> bool {
    !matches!(stdin, Stdin::Empty)
}

/// Feeds stdin to its end, or until the program closes it: no error.
pub(super) async fn feed(mut to: Pin<Box<dyn AsyncWrite + Send>>, stdin: Stdin) {
    let _ = match stdin {
        Stdin::Empty => Ok(()),
        Stdin::Bytes(bytes) => to.write_all(&bytes).await,
        Stdin::File(file) => {
            let mut file = tokio::fs::File::from_std(file);
            tokio::io::copy(&mut file, &mut to).await.map(drop)
        }
        Stdin::Stream(mut stream) => tokio::io::copy(&mut stream, &mut to).await.map(drop),
    };
    let _ = to.shutdown().await;
}
