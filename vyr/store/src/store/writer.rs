use std::{
    io::{self, Write},
    os::unix::fs::FileExt as _,
};

use sha2::{Digest as _, Sha256};
use vyr_model::Digest;

use super::{BlobDurability, Store, StoredBlob, blob::Existing, temp::TempFile};
use crate::{StoreError, files};

/// What is smaller stays in memory until the commit, and never becomes a file when the store has it.
const SPILL_BYTES: usize = 64 * 1024;

/// Takes the bytes of one blob. Nothing is in the store before [`BlobWriter::commit`]; dropping it leaves
/// nothing behind.
pub struct BlobWriter {
    store: Store,
    durability: BlobDurability,
    hasher: Sha256,
    size: u64,
    buffer: Vec<u8>,
    spilled: Option<TempFile>,
    failed: bool,
}

impl Store {
    /// Refuses a blob that would be larger than one may be.
    ///
    /// # Errors
    /// [`StoreError::BlobTooLarge`].
    pub fn check_blob_size(&self, size: u64) -> Result<(), StoreError> {
        let limit = self.0.options.max_blob_bytes;
        if size > limit { Err(StoreError::BlobTooLarge { limit }) } else { Ok(()) }
    }

    /// Starts a blob.
    pub fn blob_writer(&self, durability: BlobDurability) -> BlobWriter {
        BlobWriter {
            store: self.clone(),
            durability,
            hasher: Sha256::new(),
            size: 0,
            buffer: Vec::new(),
            spilled: None,
            failed: false,
        }
    }

    /// Stores a blob that is in memory.
    ///
    /// # Errors
    /// When it is too large or cannot be written.
    pub fn put_blob(&self, bytes: &[u8], durability: BlobDurability) -> Result<StoredBlob, StoreError> {
        let mut writer = self.blob_writer(durability);
        writer.append(bytes)?;
        writer.commit(None)
    }
}

impl BlobWriter {
    /// Takes more bytes.
    ///
    /// # Errors
    /// When the blob grows too large or the disk is full; the blob cannot be committed then.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let appended = self.try_append(bytes);
        self.failed |= appended.is_err();
        appended
    }

    fn try_append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.store.check_blob_size(size)?;
        self.size = size;
        self.hasher.update(bytes);
        if self.buffer.len().saturating_add(bytes.len()) <= SPILL_BYTES {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.spill()?;
        if bytes.len() < SPILL_BYTES {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.write_through(bytes)
    }

    /// Moves what is buffered into the file.
    fn spill(&mut self) -> Result<(), StoreError> {
        let buffer = std::mem::take(&mut self.buffer);
        self.write_through(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn write_through(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let temp = match &mut self.spilled {
            Some(temp) => temp,
            none => none.insert(self.store.0.temp.file()?),
        };
        temp.file.write_all(bytes).map_err(StoreError::io("write", temp.path()))
    }

    /// Reads up to `most` bytes from `offset` of what was taken so far, for those who follow a blob that
    /// still grows.
    ///
    /// # Errors
    /// When the file behind it cannot be read.
    pub fn read_at(&self, offset: u64, most: usize) -> Result<Vec<u8>, StoreError> {
        let buffered_from = self.size.saturating_sub(u64::try_from(self.buffer.len()).unwrap_or(0));
        if let Some(temp) = self.spilled.as_ref().filter(|_| offset < buffered_from) {
            let mut bytes = vec![0; most];
            let read = temp.file.read_at(&mut bytes, offset).map_err(StoreError::io("read", temp.path()))?;
            bytes.truncate(read);
            return Ok(bytes);
        }
        let from = usize::try_from(offset.saturating_sub(buffered_from)).unwrap_or(usize::MAX);
        let rest = self.buffer.get(from..).unwrap_or_default();
        Ok(rest.get(..most.min(rest.len())).unwrap_or_default().to_vec())
    }

    /// Returns the number of bytes taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Puts the blob into the store under its digest, which must be `expected` where that is given.
    ///
    /// # Errors
    /// [`StoreError::DigestMismatch`], or when it cannot be written; nothing is left behind then.
    pub fn commit(mut self, expected: Option<&Digest>) -> Result<StoredBlob, StoreError> {
        let digest = Digest::from_bytes(std::mem::take(&mut self.hasher).finalize().into());
        let layout = &self.store.0.layout;
        let target = layout.blob(&digest);
        if self.failed {
            let source = io::Error::other("an earlier write of this blob failed");
            return Err(StoreError::Io { action: "commit", path: target, source });
        }
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(StoreError::DigestMismatch { expected: *expected, actual: digest });
        }
        let durable = self.durability == BlobDurability::Durable;
        let mut stored = StoredBlob { digest, size: self.size, created: false };
        let mut found = self.store.existing(&digest, self.size, durable)?;
        if matches!(found, Existing::Kept) {
            return Ok(stored);
        }
        self.spill()?;
        let Some(mut temp) = self.spilled.take() else { return Ok(stored) };
        if durable {
            temp.file.sync_data().map_err(StoreError::io("sync", temp.path()))?;
        }
        loop {
            match found {
                Existing::Kept => return Ok(stored),
                Existing::Damaged(_lock) => {
                    temp.replace(&target)?;
                    break;
                }
                Existing::Absent if temp.name(&target)? => break,
                // somebody else was first
                Existing::Absent => found = self.store.existing(&digest, self.size, durable)?,
            }
        }
        if durable {
            files::sync_dir(self.store.0.layout.blobs())?;
        }
        stored.created = true;
        Ok(stored)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
