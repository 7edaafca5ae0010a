//! The one thread that writes.

use std::{io, os::unix::fs::FileExt as _, sync::atomic::Ordering::Relaxed, time::Instant};

use super::{
    RecordError, Shared, frame,
    index::{Closed, OpenIndex},
    meta::Meta,
    pending::Batch,
    retention,
    segment::{Position, Segment},
    store::Store,
};

/// The writer's own view of the open segment.
pub(super) struct Writer {
    pub(super) store: Shared<Store>,
    pub(super) segment: Segment,
    /// Where the last whole batch ends.
    pub(super) end: u64,
    /// Up to where the file has room.
    pub(super) allocated: u64,
    /// Whether something was written since the last sync.
    pub(super) dirty: bool,
    /// Whether a sync failed: the system may have dropped pages, so the file takes no more.
    pub(super) suspect: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        // whatever ended the writer, nobody waits for it in vain
        self.store.pending.abandon();
    }
}

impl Writer {
    /// Writes until the record is closed.
    pub(super) fn run(mut self) {
        let mut batch = Batch::default();
        while self.store.pending.take(&mut batch) {
            match self.write(&batch) {
                Ok(()) => self.answer(&mut batch),
                Err(error) => self.refuse(&mut batch, error),
            }
            batch.clear();
            if self.end >= self.store.options.segment_bytes && !self.suspect {
                self.tidy();
            }
        }
        let closing = self.segment.cut(self.end);
        if let Err(error) = closing {
            tracing::warn!(error = %error, "the record's last segment was not synced at shutdown");
        }
    }

    fn answer(&self, batch: &mut Batch) {
        for waiting in &mut batch.frames {
            if let Some(waiter) = waiting.waiter.take() {
                // a caller that no longer waits needs no answer
                let _ = waiter.send(Ok(()));
            }
        }
    }

    fn refuse(&self, batch: &mut Batch, error: RecordError) {
        let source = match error {
            RecordError::Io { source, .. } => source,
            other => Shared::new(io::Error::other(other)),
        };
        if self.store.stats.failures.fetch_add(1, Relaxed).is_multiple_of(64) {
            tracing::error!(error = %source, "the record cannot be written; new tasks are refused until it can");
        }
        let until = Instant::now() + self.store.options.retry_delay;
        self.store.pending.failed(batch, source, until);
    }

    /// Writes a batch, all or nothing.
    fn write(&mut self, batch: &Batch) -> Result<(), RecordError> {
        if self.suspect {
            self.rotate()?;
        }
        self.put(&batch.bytes)?;
        if batch.needs_sync() {
            self.sync()?;
        }
        self.store.stats.batches.fetch_add(1, Relaxed);
        self.publish(&batch.bytes);
        self.store.pending.succeeded();
        Ok(())
    }

    /// Writes bytes after the end, without moving the end.
    fn put(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        let length = bytes.len() as u64;
        if length == 0 {
            return Ok(());
        }
        if self.end + length > self.allocated {
            self.allocated = self.segment.allocate(self.end, length);
        }
        self.segment.file.write_all_at(bytes, self.end).map_err(|error| {
            self.undo();
            RecordError::io("write", &self.segment.path)(error)
        })?;
        self.dirty = true;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), RecordError> {
        let begun = Instant::now();
        self.segment.file.sync_data().map_err(|error| {
            self.undo();
            self.suspect = true;
            RecordError::io("sync", &self.segment.path)(error)
        })?;
        self.dirty = false;
        let time = begun.elapsed();
        self.store.stats.synced(time);
        self.store.options.on_sync.tell(time);
        Ok(())
    }

    /// Takes back a batch that was not written whole.
    fn undo(&mut self) {
        self.allocated = self.end;
        if self.segment.file.set_len(self.end).is_err() {
            self.suspect = true;
        }
    }

    /// Moves the end past what was written and makes it findable.
    fn publish(&mut self, bytes: &[u8]) {
        let mut at = 0;
        let mut state = self.store.state.write();
        while let Some((length, _)) = bytes.get(at..).and_then(frame::head) {
            let from = at + frame::HEAD;
            let offset = u32::try_from(self.end + at as u64).unwrap_or(u32::MAX);
            if let Some(meta) = bytes.get(from..from + length).and_then(Meta::parse) {
                state.index.apply(&meta, offset);
                state.live.apply(&meta, Position::new(self.segment.number, offset));
            }
            at = from + length;
        }
        self.end += at as u64;
        state.end = self.end;
    }

    /// Writes frames of the record's own, durably.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        self.put(bytes)?;
        self.sync()?;
        self.publish(bytes);
        Ok(())
    }

    /// Begins the next segment and lets the oldest go. A failure costs nothing: it is tried again
    /// after the next batch.
    fn tidy(&mut self) {
        if let Err(error) = self.rotate().and_then(|()| retention::apply(self)) {
            tracing::warn!(error = %error, "the record's segment could not be closed yet");
        }
    }

    /// Closes the open segment and begins the next.
    fn rotate(&mut self) -> Result<(), RecordError> {
        let dir = &self.store.dir;
        // a suspect file was cut back to what was synced and takes no further sync
        if !self.suspect {
            self.segment.cut(self.end).map_err(RecordError::io("close", &self.segment.path))?;
        }
        let next = Segment::create(dir, self.segment.number + 1)?;
        let mut state = self.store.state.write();
        let index = state.index.close(dir, self.segment.number, self.end, &state.live)?;
        state.index = OpenIndex::default();
        state.closed.push(Shared::new(Closed { segment: self.segment.clone(), index }));
        state.open = next.clone();
        state.end = super::segment::SEGMENT_HEAD;
        drop(state);
        self.segment = next;
        self.end = super::segment::SEGMENT_HEAD;
        self.allocated = self.end;
        self.dirty = false;
        self.suspect = false;
        Ok(())
    }
}
