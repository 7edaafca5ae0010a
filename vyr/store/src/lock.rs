use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::FlockOperation;

use crate::{StoreError, files};

/// A lock between threads and processes; it ends when it is dropped, or its process ends.
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
const LAST_PAUSE: Duration = Duration::from_millis(20);

impl FileLock {
    /// Waits for the lock at most `timeout`.
    pub(crate) fn acquire(path: &Path, mode: LockMode, timeout: Duration) -> Result<Self, StoreError> {
        let file = files::open_lock(path)?;
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if try_lock(&file, mode).map_err(StoreError::io("lock", path))? {
                return Ok(Self { _file: file });
            }
            if started.elapsed() >= timeout {
                return Err(StoreError::Locked { path: path.to_owned(), waited: timeout });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_acquire(path: &Path, mode: LockMode) -> Result<Option<Self>, StoreError> {
        let file = files::open_lock(path)?;
        let taken = try_lock(&file, mode).map_err(StoreError::io("lock", path))?;
        Ok(taken.then_some(Self { _file: file }))
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
