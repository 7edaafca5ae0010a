//! What a guest writes, on its way to becoming a blob; readable while it grows.

use std::{io, os::unix::fs::FileExt as _, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;
use vyr_model::StreamOutput;
use vyr_runtime::{OutputSink, SinkError};
use vyr_store::{BlobDurability, BlobWriter, Store, StoreError};

/// One stream of one task. Clones are the same stream.
#[derive(Clone)]
pub(crate) struct Spool(Arc<Inner>);

struct Inner {
    store: Store,
    content: Mutex<Content>,
    grown: watch::Sender<Progress>,
}

/// How far a stream has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    bytes: u64,
    pub(crate) ended: bool,
}

enum Content {
    Growing(BlobWriter),
    Stored(Option<StreamOutput>),
}

impl Spool {
    pub(crate) fn new(store: &Store, durability: BlobDurability) -> Self {
        let content = Mutex::new(Content::Growing(store.blob_writer(durability)));
        Self(Arc::new(Inner { store: store.clone(), content, grown: watch::Sender::default() }))
    }

    /// Makes the blob; an empty stream makes none.
    pub(crate) fn store(&self) -> Result<Option<StreamOutput>, StoreError> {
        let mut content = self.0.content.lock();
        let stored = match std::mem::replace(&mut *content, Content::Stored(None)) {
            Content::Growing(writer) if writer.size() == 0 => None,
            Content::Growing(writer) => {
                let blob = writer.commit(None)?;
                Some(StreamOutput { digest: blob.digest, size: blob.size })
            }
            Content::Stored(stored) => stored,
        };
        *content = Content::Stored(stored);
        drop(content);
        self.end();
        Ok(stored)
    }

    /// Tells those who follow that nothing more comes: a task may end before its guest writes.
    pub(crate) fn end(&self) {
        self.0.grown.send_modify(|progress| progress.ended = true);
    }

    /// Follows the stream's growth.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.0.grown.subscribe()
    }

    /// Reads up to `most` bytes from `offset`, of what is there.
    pub(crate) fn read_at(&self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let content = self.0.content.lock();
        match &*content {
            Content::Growing(writer) => writer.read_at(offset, most).map_err(io::Error::other),
            Content::Stored(None) => Ok(Vec::new()),
            Content::Stored(Some(stored)) => {
                let (file, _) = self.0.store.open_blob(&stored.digest).map_err(io::Error::other)?;
                let mut bytes = vec![0; most];
                let read = file.read_at(&mut bytes, offset)?;
                bytes.truncate(read);
                Ok(bytes)
            }
        }
    }
}

impl OutputSink for Spool {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        if let Content::Growing(writer) = &mut *self.0.content.lock() {
            writer.append(bytes).map_err(io::Error::other)?;
        }
        self.0.grown.send_modify(|progress| progress.bytes += bytes.len() as u64);
        Ok(())
    }
}
