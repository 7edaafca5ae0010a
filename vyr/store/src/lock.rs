use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::FlockOperation;

use crate::{StoreError, files};

/// A lock between threads and processes; it ends when it is dropped, or its process ends.
///
/// The system's lock is unfair: who takes it again at once starves those who wait. So there is a gate
/// before it, another lock, which one waiter holds while it waits; who comes later waits at the gate.
pub(crate) struct FileLock {
    _file: File,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    Shared,
    Exclusive,
}

// short enough to be unseen in a put, long enough to cost nothing
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LAST_PAUSE: Duration = Duration::from_millis(2);

impl FileLock {
    /// Waits for the lock at most `timeout`.
    pub(crate) fn acquire(path: &Path, mode: LockMode, timeout: Duration) -> Result<Self, StoreError> {
        // sharing is brief: it passes the gate unless it has to wait
        if mode == LockMode::Shared
            && let Some(lock) = Self::try_acquire(path, mode)?
        {
            return Ok(lock);
        }
        let deadline = Deadline { path, started: Instant::now(), timeout };
        let _gate = deadline.wait(&path.with_added_extension("gate"), LockMode::Exclusive)?;
        deadline.wait(path, mode)
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_acquire(path: &Path, mode: LockMode) -> Result<Option<Self>, StoreError> {
        let file = files::open_lock(path)?;
        let taken = try_lock(&file, mode).map_err(StoreError::io("lock", path))?;
        Ok(taken.then_some(Self { _file: file }))
    }
}

/// How long one acquisition may take.
struct Deadline<'a> {
    path: &'a Path,
    started: Instant,
    timeout: Duration,
}

impl Deadline<'_> {
    fn wait(&self, path: &Path, mode: LockMode) -> Result<FileLock, StoreError> {
        let file = files::open_lock(path)?;
        let mut pause = FIRST_PAUSE;
        while !try_lock(&file, mode).map_err(StoreError::io("lock", path))? {
            if self.started.elapsed() >= self.timeout {
                return Err(StoreError::Locked { path: self.path.to_owned(), waited: self.timeout });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
        Ok(FileLock { _file: file })
    }
}

fn try_lock(file: &File, mode: LockMode) -> std::io::Result<bool> {
    let operation = match mode {
        LockMode::Shared => FlockOperation::NonBlockingLockShared,
        LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    loop {
        match rustix::fs::flock(file, operation) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}
