use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use anyhow::{Context as _, Result, bail};

use super::PATIENCE;
use crate::cmd::signal;

/// A command whose output is shown as it comes, and kept.
pub(super) struct Follow {
    child: Child,
    coming: Receiver<String>,
    lines: Vec<String>,
}

impl Follow {
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().context("a pipe was asked for")?;
        let (sender, coming) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                println!("{line}");
                // shown all the same where nobody keeps it
                let _ = sender.send(line);
            }
        });
        Ok(Self { child, coming, lines: Vec::new() })
    }

    /// Waits until it says a line that begins so.
    pub(super) fn until(&mut self, begin: &str) -> Result<()> {
        loop {
            match self.coming.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let found = line.starts_with(begin);
                    self.lines.push(line);
                    if found {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("`{begin}` was not said in time"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without `{begin}`"),
            }
        }
    }

    /// Ctrl-C.
    pub(super) fn interrupt(&self) -> Result<()> {
        if signal("-INT", &self.child.id().to_string()) { Ok(()) } else { bail!("no signal was sent") }
    }

    /// Waits for its end; returns the exit code and every line.
    pub(super) fn end(mut self) -> Result<(Option<i32>, Vec<String>)> {
        let mut lines = std::mem::take(&mut self.lines);
        loop {
            match self.coming.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Timeout) => bail!("nothing was said for {} s", PATIENCE.as_secs()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok((self.child.wait()?.code(), lines))
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        // one that has ended is neither killed nor waited for again
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
