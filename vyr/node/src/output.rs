//! What a guest writes, on its way to becoming a blob; readable while it grows.

use std::{io, os::unix::fs::FileExt as _, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;
use vyr_model::StreamOutput;
use vyr_runtime::{OutputSink, SinkError};
use vyr_store::{BlobDurability, BlobWriter, Store, StoreError};

/// Up to this many bytes stay in memory; more go to a file of the store.
const IN_MEMORY: usize = 64 * 1024;

/// One stream of one task. Clones are the same stream.
#[derive(Clone)]
pub(crate) struct Spool(Arc<Inner>);

struct Inner {
    store: Store,
    content: Mutex<Content>,
    /// Bytes so far; `u64::MAX` marks the end.
    grown: watch::Sender<Progress>,
}

/// How far a stream has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) bytes: u64,
    pub(crate) ended: bool,
}

enum Content {
    Memory(Vec<u8>),
    File(BlobWriter),
    Stored(Option<StreamOutput>),
}

impl Spool {
    pub(crate) fn new(store: &Store) -> Self {
        let content = Mutex::new(Content::Memory(Vec::new()));
        Self(Arc::new(Inner { store: store.clone(), content, grown: watch::Sender::default() }))
    }

    /// Makes the blob; an empty stream makes none.
    pub(crate) fn store(&self, durability: BlobDurability) -> Result<Option<StreamOutput>, StoreError> {
        let mut content = self.0.content.lock();
        let stored = match std::mem::replace(&mut *content, Content::Stored(None)) {
            Content::Memory(bytes) if bytes.is_empty() => None,
            Content::Memory(bytes) => {
                let mut writer = self.0.store.blob_writer(durability);
                writer.append(&bytes)?;
                Some(commit(writer)?)
            }
            Content::File(writer) => Some(commit(writer)?),
            Content::Stored(stored) => stored,
        };
        *content = Content::Stored(stored);
        drop(content);
        self.0.grown.send_modify(|progress| progress.ended = true);
        Ok(stored)
    }

    /// Follows the stream's growth.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.0.grown.subscribe()
    }

    /// Reads up to `most` bytes from `offset`, of what is there.
    pub(crate) fn read_at(&self, offset: u64, most: usize) -> Result<Vec<u8>, StoreError> {
        let content = self.0.content.lock();
        match &*content {
            Content::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|from| bytes.get(from..)).unwrap_or_default();
                Ok(rest.get(..most.min(rest.len())).unwrap_or_default().to_vec())
            }
            Content::File(writer) => writer.read_at(offset, most),
            Content::Stored(None) => Ok(Vec::new()),
            Content::Stored(Some(stored)) => {
                read_file(&self.0.store.open_blob(&stored.digest)?.0, offset, most).map_err(StoreError::read)
            }
        }
    }
}

impl OutputSink for Spool {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let mut content = self.0.content.lock();
        if let Content::Memory(buffer) = &mut *content {
            if buffer.len() + bytes.len() <= IN_MEMORY {
                buffer.extend_from_slice(bytes);
            } else {
                // whether it must survive a power cut is known only at the end: be safe
                let mut writer = self.0.store.blob_writer(BlobDurability::Durable);
                writer.append(buffer).map_err(io::Error::other)?;
                writer.append(bytes).map_err(io::Error::other)?;
                *content = Content::File(writer);
            }
        } else if let Content::File(writer) = &mut *content {
            writer.append(bytes).map_err(io::Error::other)?;
        }
        drop(content);
        // wakes nobody where nobody follows
        self.0.grown.send_if_modified(|progress| {
            progress.bytes += bytes.len() as u64;
            true
        });
        Ok(())
    }
}

fn commit(writer: BlobWriter) -> Result<StreamOutput, StoreError> {
    let blob = writer.commit(None)?;
    Ok(StreamOutput { digest: blob.digest, size: blob.size })
}

fn read_file(file: &std::fs::File, offset: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let read = file.read_at(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}
