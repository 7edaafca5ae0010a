use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    time::SystemTime,
};

use sha2::{Digest as _, Sha256};
use vyr_model::Digest;

use super::Store;
use crate::{
    StoreError, files,
    lock::{FileLock, LockMode},
};

/// A blob that is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its address.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// False when the store had it before.
    pub created: bool,
}

/// What stands under a blob's name before it is written.
pub(super) enum Existing {
    /// Nothing.
    Absent,
    /// The blob; it is kept and counts as new.
    Kept,
    /// Something of another length, to be replaced while the lock is held.
    Damaged(FileLock),
}

/// What a blob was found to be when all of it was read.
pub(super) struct Verified {
    pub(super) size: u64,
    /// Its first bytes, at most 8.
    pub(super) start: Vec<u8>,
}

const CHUNK: usize = 256 * 1024;

impl Store {
    /// Tells whether a blob is there. Its bytes are not read.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        fs::symlink_metadata(self.0.layout.blob(digest)).is_ok_and(|meta| meta.is_file())
    }

    /// Makes a blob as young as a new one, so that no garbage collection takes it for a while.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`], or when its time cannot be set.
    pub fn touch_blob(&self, digest: &Digest) -> Result<(), StoreError> {
        let (file, _) = self.open_blob(digest)?;
        let touched = file.set_modified(SystemTime::now());
        touched.map_err(StoreError::io("touch", self.0.layout.blob(digest)))
    }

    /// Opens a blob to read and tells its length. Its bytes are not verified.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`], or when it cannot be opened.
    pub fn open_blob(&self, digest: &Digest) -> Result<(File, u64), StoreError> {
        let path = self.0.layout.blob(digest);
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let file = match fs::OpenOptions::new().read(true).custom_flags(no_follow).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::BlobMissing(*digest));
            }
            opened => opened.map_err(StoreError::io("open", &path))?,
        };
        let meta = file.metadata().map_err(StoreError::io("inspect", &path))?;
        Ok((file, meta.len()))
    }

    /// Reads a blob of at most `limit` bytes; the buffer returned is the one that was hashed.
    ///
    /// # Errors
    /// When it is missing, larger, or corrupt (it is moved aside then).
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let (mut file, size) = self.open_blob(digest)?;
        if size > limit {
            return Err(StoreError::BlobTooLarge { limit });
        }
        let capacity = usize::try_from(size).map_err(|_| StoreError::BlobTooLarge { limit })?;
        // one byte more lets the last read see the end without growing the buffer
        let mut bytes = Vec::with_capacity(capacity.saturating_add(1));
        file.by_ref()
            .take(size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(StoreError::io("read", self.0.layout.blob(digest)))?;
        if Digest::of(&bytes) == *digest {
            return Ok(bytes);
        }
        Err(self.corrupt(digest, &file))
    }

    /// Opens a blob to read, once all of it was read and has its digest.
    ///
    /// # Errors
    /// When it is missing or cannot be read, or corrupt (it is moved aside then).
    pub fn open_verified(&self, digest: &Digest) -> Result<File, StoreError> {
        let (mut file, _) = self.open_blob(digest)?;
        self.verify_bytes(digest, &mut file)?;
        file.rewind().map_err(StoreError::io("rewind", self.0.layout.blob(digest)))?;
        Ok(file)
    }

    /// Reads all of a blob and checks its digest, without holding it in memory.
    pub(super) fn verify_blob(&self, digest: &Digest) -> Result<Verified, StoreError> {
        let (mut file, _) = self.open_blob(digest)?;
        let verified = self.verify_bytes(digest, &mut file)?;
        // it may have been written without a sync, and something durable is about to rely on it
        file.sync_all().map_err(StoreError::io("sync", self.0.layout.blob(digest)))?;
        Ok(verified)
    }

    fn verify_bytes(&self, digest: &Digest, file: &mut File) -> Result<Verified, StoreError> {
        let path = self.0.layout.blob(digest);
        let mut hasher = Sha256::new();
        let mut verified = Verified { size: 0, start: Vec::new() };
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match file.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(StoreError::io("read", &path))?,
            };
            let bytes = chunk.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            verified.size = verified.size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            let missing = vyr_model::ArtifactKind::PREAMBLE_LEN.saturating_sub(verified.start.len());
            verified.start.extend(bytes.iter().take(missing));
        }
        if hasher.finalize().as_slice() != digest.as_bytes() {
            return Err(self.corrupt(digest, file));
        }
        Ok(verified)
    }

    /// Moves a blob aside whose bytes, read through `file`, are not what its name says.
    pub(super) fn corrupt(&self, digest: &Digest, file: &File) -> StoreError {
        tracing::warn!(blob.digest = %digest, "a blob is corrupt: it is refused and moved aside");
        if let Err(error) = self.quarantine(digest, file) {
            tracing::warn!(blob.digest = %digest, %error, "a corrupt blob could not be moved aside");
        }
        StoreError::BlobCorrupt { digest: *digest }
    }

    fn quarantine(&self, digest: &Digest, file: &File) -> Result<(), StoreError> {
        let path = self.0.layout.blob(digest);
        // under the lock nobody replaces a file that is there, so what is compared is what is moved
        let _lock = self.lock(LockMode::Exclusive)?;
        let read = file.metadata().map_err(StoreError::io("inspect", &path))?;
        let there = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            meta => meta.map_err(StoreError::io("inspect", &path))?,
        };
        if (read.dev(), read.ino()) != (there.dev(), there.ino()) {
            return Ok(());
        }
        files::make_dir(&self.0.layout.quarantine())?;
        let aside = self.0.layout.quarantine().join(digest.to_hex());
        fs::rename(&path, aside).map_err(StoreError::io("move aside", &path))
    }

    /// Looks whether a blob is there already, and keeps it from being collected if so.
    pub(super) fn existing(&self, digest: &Digest, size: u64, durable: bool) -> Result<Existing, StoreError> {
        let path = self.0.layout.blob(digest);
        if fs::symlink_metadata(&path).is_err() {
            return Ok(Existing::Absent);
        }
        let lock = self.lock(LockMode::Shared)?;
        let (file, found) = match self.open_blob(digest) {
            Err(StoreError::BlobMissing(_)) => return Ok(Existing::Absent),
            opened => opened?,
        };
        if found != size {
            tracing::warn!(blob.digest = %digest, found, size, "a blob has a wrong length: it is replaced");
            return Ok(Existing::Damaged(lock));
        }
        file.set_modified(SystemTime::now()).map_err(StoreError::io("touch", &path))?;
        if durable {
            // whoever wrote it may not have synced it
            file.sync_all().map_err(StoreError::io("sync", &path))?;
            files::sync_dir(self.0.layout.blobs())?;
        }
        Ok(Existing::Kept)
    }
}
