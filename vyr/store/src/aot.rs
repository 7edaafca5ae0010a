//! Compiled code, kept because compiling is slow, authenticated because loading it is trusting it.
//!
//! ```text
//! put(artifact, engine, code) ─► MAC ─► temp, sync, rename ─► <artifact>-<engine>.cwasm
//! get(artifact, engine)       ─► read ─► MAC over the very buffer ─► Hit(buffer) | Miss | Tampered
//! ```
//!
//! The MAC key is random, made on first use, and never leaves the folder, into which nobody but its owner
//! may look or write. A file copied under another artifact's or engine's name fails its MAC.

mod evict;
mod file;
mod key;

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use vyr_model::Digest;

use crate::{
    StoreError, files,
    lock::{FileLock, LockMode},
};

/// A folder of authenticated compiled code. Several processes may use one.
pub struct AotCache {
    dir: PathBuf,
    key: key::MacKey,
    options: AotOptions,
}

/// How a cache behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AotOptions {
    /// The most bytes that all files may have together; the least recently used go first. Default 4 GiB.
    pub max_bytes: u64,
    /// How long to wait for another process that writes. Default 10 s.
    pub lock_timeout: Duration,
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub enum AotLookup {
    /// The code: the very buffer that was authenticated.
    Hit(Vec<u8>),
    /// There is none.
    Miss,
    /// There was a file, but not as we wrote it: torn, or changed by somebody. It is removed.
    Tampered {
        /// Where it was.
        path: PathBuf,
    },
}

/// What became of code that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AotPut {
    /// It is in the cache.
    Stored,
    /// It is larger than the whole cache may be.
    TooLarge,
}

impl Default for AotOptions {
    fn default() -> Self {
        Self { max_bytes: 4 << 30, lock_timeout: Duration::from_secs(10) }
    }
}

/// A hit refreshes a file's time when it is older than this: exact enough to choose what goes.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

impl AotCache {
    /// Opens the cache in `dir`, making it where there is none.
    ///
    /// # Errors
    /// When others may enter the folder, or it cannot be used.
    pub fn open(dir: impl Into<PathBuf>, options: AotOptions) -> Result<Self, StoreError> {
        let dir = dir.into();
        files::make_dir(&dir)?;
        files::check_owned(&dir, true)?;
        let _lock = Self::lock_in(&dir, options.lock_timeout)?;
        evict::sweep_temporary(&dir)?;
        let key = key::MacKey::open(&dir)?;
        Ok(Self { dir, key, options })
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn lock_in(dir: &Path, timeout: Duration) -> Result<FileLock, StoreError> {
        FileLock::acquire(&dir.join("lock"), LockMode::Exclusive, timeout)
    }

    /// Looks up the code of an artifact for an engine. `engine_key` names everything that the code depends
    /// on beside the artifact: engine version and settings, processor features.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn get(&self, artifact: &Digest, engine_key: &str) -> Result<AotLookup, StoreError> {
        let path = self.dir.join(file::name(artifact, engine_key));
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(AotLookup::Miss),
            opened => opened.map_err(StoreError::io("open", &path))?,
        };
        let meta = file.metadata().map_err(StoreError::io("inspect", &path))?;
        let capacity = usize::try_from(meta.len().min(self.options.max_bytes)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(capacity.saturating_add(1));
        let limit = self.options.max_bytes.saturating_add(1);
        file.by_ref().take(limit).read_to_end(&mut bytes).map_err(StoreError::io("read", &path))?;
        if !file::open(&mut bytes, &self.key, artifact, engine_key) {
            tracing::warn!(path = %path.display(), "compiled code is torn or was tampered with: it is removed, not run");
            files::remove(&path)?;
            return Ok(AotLookup::Tampered { path });
        }
        let now = SystemTime::now();
        if meta.modified().is_ok_and(|time| now.duration_since(time).is_ok_and(|age| age > TOUCH_AFTER)) {
            // on a read-only file system the order of use is lost, nothing else
            let _ = file.set_modified(now);
        }
        Ok(AotLookup::Hit(bytes))
    }

    /// Keeps the code of an artifact for an engine, in place of what was there.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is whole then.
    pub fn put(&self, artifact: &Digest, engine_key: &str, code: &[u8]) -> Result<AotPut, StoreError> {
        let trailer = file::trailer(code, &self.key, artifact, engine_key);
        let size = code.len().saturating_add(trailer.len());
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        if size > self.options.max_bytes {
            return Ok(AotPut::TooLarge);
        }
        let path = self.dir.join(file::name(artifact, engine_key));
        let _lock = Self::lock_in(&self.dir, self.options.lock_timeout)?;
        evict::make_room(&self.dir, size, self.options.max_bytes)?;
        let temp = self.dir.join(evict::temporary_name()?);
        let written = file::write(&temp, code, &trailer)
            .and_then(|()| fs::rename(&temp, &path).map_err(StoreError::io("rename into", &path)));
        if written.is_err() {
            files::remove(&temp)?;
        }
        written.map(|()| AotPut::Stored)
    }
}

impl AotCache {
    /// Removes the code of an artifact for an engine, where there is some.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, artifact: &Digest, engine_key: &str) -> Result<(), StoreError> {
        let _lock = Self::lock_in(&self.dir, self.options.lock_timeout)?;
        files::remove(&self.dir.join(file::name(artifact, engine_key))).map(drop)
    }
}

impl std::fmt::Debug for AotCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AotCache")
            .field("dir", &self.dir)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
