use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cmd::signal;

/// How long a process may take to say that it is ready.
const READY: Duration = Duration::from_secs(120);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// A process of the demo's, told to stop when the demo ends, however it ends. Its words go to a file.
pub(super) struct Background {
    child: Child,
    log: PathBuf,
    what: &'static str,
}

impl Background {
    pub(super) fn start(what: &'static str, mut command: Command, log: &Path) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(File::options().create(true).append(true).open(log)?);
        command.stderr(File::options().append(true).open(log)?);
        let child = command.spawn().with_context(|| format!("cannot start the {what}"))?;
        Ok(Self { child, log: log.to_owned(), what })
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As a power cut would end it.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("cannot kill the {}", self.what))?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until `look` finds what it looks for.
    pub(super) fn until<T>(&mut self, mut look: impl FnMut() -> Option<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the {} ended ({status}); see `{}`", self.what, self.log.display());
            }
            if start.elapsed() > READY {
                bail!("the {} is not ready; see `{}`", self.what, self.log.display());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until it says this, and returns that line.
    pub(super) fn said(&mut self, what: &str) -> Result<String> {
        let log = self.log.clone();
        self.until(|| {
            let text = fs::read_to_string(&log).ok()?;
            text.lines().find(|line| line.contains(what)).map(str::to_owned)
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // the number of one that has ended may be another's by now
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let id = self.child.id().to_string();
        let _ = signal("-TERM", &id);
        let _ = self.child.wait();
    }
}
