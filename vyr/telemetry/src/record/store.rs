use std::{
    fs::File,
    path::PathBuf,
    sync::Weak,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread::JoinHandle,
    time::Duration,
};

use buffa::Message as _;
use parking_lot::{Mutex, RwLock};
use vyr_model::TaskId;
use vyr_proto::record::{Accepted, Bound, Ended, Entry, entry::Entry as Kind};

use super::{
    RecordError, RecordOptions, Shared, Synced,
    history::{History, HistoryQuery},
    index::{Closed, Lookup, OpenIndex},
    live_tasks::LiveTasks,
    pending::{Commit, Pending},
    segment::{Position, Segment},
};

/// The durable task record. Clones are the same record; the last one that is dropped writes
/// what waits and closes the files.
#[derive(Debug, Clone)]
pub struct Record(Shared<Running>);

/// A record that is not kept open: for whoever only reads its figures.
#[derive(Debug, Clone)]
pub struct WeakRecord(Weak<Running>);

impl WeakRecord {
    /// Returns what the record holds and did; `None` where it is closed.
    pub fn stats(&self) -> Option<RecordStats> {
        self.0.upgrade().map(|running| running.store.stats())
    }
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) store: Shared<Store>,
    pub(super) writer: Mutex<Option<JoinHandle<()>>>,
    /// Keeps other processes out.
    pub(super) _lock: File,
}

/// What callers and the writer share.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) dir: PathBuf,
    pub(super) options: RecordOptions,
    pub(super) pending: Pending,
    pub(super) state: RwLock<State>,
    pub(super) stats: Counters,
}

/// What is where.
#[derive(Debug)]
pub(super) struct State {
    pub(super) closed: Vec<Shared<Closed>>,
    pub(super) open: Segment,
    pub(super) end: u64,
    pub(super) index: OpenIndex,
    pub(super) live: LiveTasks,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) batches: AtomicU64,
    pub(super) failures: AtomicU64,
    syncs: AtomicU64,
    sync_nanos: AtomicU64,
}

impl Counters {
    pub(super) fn synced(&self, time: Duration) {
        self.syncs.fetch_add(1, Relaxed);
        self.sync_nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// What a record holds and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordStats {
    /// Bytes of all segments.
    pub bytes: u64,
    /// Segments, the open one included.
    pub segments: usize,
    /// Tasks that have not ended.
    pub live_tasks: usize,
    /// Batches written since the start.
    pub batches: u64,
    /// Syncs since the start.
    pub syncs: u64,
    /// Time of all syncs together.
    pub sync_time: Duration,
    /// Batches that the disk refused.
    pub failures: u64,
}

impl State {
    pub(super) fn bytes(&self) -> u64 {
        self.closed.iter().map(|closed| closed.index.end).sum::<u64>() + self.end
    }
}

impl Record {
    pub(super) const fn running(running: Shared<Running>) -> Self {
        Self(running)
    }

    /// Puts an entry into the record. Returns when it has its place in the order (waiting while
    /// the buffer is full); the [`Synced`] resolves when it is as safe as `commit` asks.
    ///
    /// Entries appended one after another keep that order on disk.
    ///
    /// # Errors
    /// [`RecordError::Unavailable`] while the disk refuses writes, [`RecordError::TooLarge`],
    /// [`RecordError::Closed`].
    pub async fn append(&self, entry: &Entry, commit: Commit) -> Result<Synced, RecordError> {
        let content = self.encode(entry)?;
        let [synced] = self.0.store.pending.push([&content[..]], commit).await?;
        Ok(synced)
    }

    /// Puts two entries into the record, side by side, for the price of one.
    ///
    /// # Errors
    /// As [`Self::append`]; neither is then in the record.
    pub async fn append_both(
        &self,
        entries: [&Entry; 2],
        commit: Commit,
    ) -> Result<[Synced; 2], RecordError> {
        let [first, second] = entries;
        let contents = [self.encode(first)?, self.encode(second)?];
        self.0.store.pending.push(contents.each_ref().map(Vec::as_slice), commit).await
    }

    /// Puts an entry into the same write as `earlier`: after a crash, or a disk that refuses it, neither is
    /// there without what came before it. `None` where that write is under way already, or has no room.
    ///
    /// # Errors
    /// [`RecordError::TooLarge`].
    pub fn join(&self, entry: &Entry, earlier: &Synced) -> Result<Option<Synced>, RecordError> {
        Ok(self.0.store.pending.try_join(&self.encode(entry)?, earlier))
    }

    /// Tells whether an entry could still join `earlier`.
    pub fn takes_more(&self, earlier: &Synced) -> bool {
        self.0.store.pending.takes_more(earlier)
    }

    fn encode(&self, entry: &Entry) -> Result<Vec<u8>, RecordError> {
        let content = entry.encode_to_vec();
        let limit = self.0.store.options.entry_bytes;
        if content.len() > limit {
            return Err(RecordError::TooLarge { size: content.len(), limit });
        }
        Ok(content)
    }

    /// Appends an entry and waits until it is as safe as `commit` asks.
    ///
    /// # Errors
    /// As [`Self::append`]; an error means that the entry is not in the record.
    pub async fn commit(&self, entry: &Entry, commit: Commit) -> Result<(), RecordError> {
        self.append(entry, commit).await?.await
    }

    /// Waits until all that was appended before is written (and can be read back).
    ///
    /// # Errors
    /// [`RecordError::Unavailable`], [`RecordError::Closed`].
    pub async fn flush(&self) -> Result<(), RecordError> {
        if self.0.store.pending.is_quiet() {
            return Ok(());
        }
        let [synced] = self.0.store.pending.push([&[]], Commit::Written).await?;
        synced.await
    }

    /// Reads tasks that ended. Flushes first, so that everything appended before the call is in
    /// it: subscribe to the [`crate::Hub`], then read history, and nothing is missed.
    ///
    /// The iterator reads from disk as it goes and keeps no records in memory; reads are short,
    /// but blocking.
    pub async fn history(&self, query: HistoryQuery) -> History {
        // what the disk refuses is not there to be read
        let _ = self.flush().await;
        History::new(&self.0.store, query)
    }

    /// Reads how a task ended; `None` where it has not, or is no longer kept.
    ///
    /// # Errors
    /// [`RecordError::Io`], [`RecordError::Damaged`].
    pub async fn ended(&self, task: TaskId) -> Result<Option<Ended>, RecordError> {
        let _ = self.flush().await;
        self.0.store.ended(task)
    }

    /// Reads a task's submit; `None` where it is not, or no longer, kept.
    ///
    /// # Errors
    /// [`RecordError::Io`], [`RecordError::Damaged`].
    pub async fn accepted(&self, task: TaskId) -> Result<Option<Accepted>, RecordError> {
        let _ = self.flush().await;
        let found = self.0.store.find(Lookup::Accepted(task), |entry| {
            let (accepted, _) = accepted_of(entry);
            accepted.filter(|accepted| accepted.task_id == task.as_bytes())
        })?;
        Ok(found)
    }

    /// Reads the newest submit with this idempotency key; `None` where none is kept.
    ///
    /// # Errors
    /// [`RecordError::Io`], [`RecordError::Damaged`].
    pub async fn accepted_with_key(&self, key: &str) -> Result<Option<Accepted>, RecordError> {
        let _ = self.flush().await;
        self.0.store.find(Lookup::Key(key.as_bytes()), |entry| {
            let (accepted, _) = accepted_of(entry);
            accepted.filter(|accepted| accepted.request.idempotency_key == key)
        })
    }

    /// Returns what the record holds and did.
    pub fn stats(&self) -> RecordStats {
        self.0.store.stats()
    }

    /// Returns a handle that does not keep the record open.
    pub fn downgrade(&self) -> WeakRecord {
        WeakRecord(Shared::downgrade(&self.0))
    }

    /// Refuses further entries, then waits until all that came before is written and synced.
    pub async fn close(&self) {
        self.0.store.pending.close();
        let writer = self.0.writer.lock().take();
        if let Some(writer) = writer {
            // the writer's own panic, if any, was printed by its thread
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.store.pending.close();
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}

impl Store {
    fn stats(&self) -> RecordStats {
        let state = self.state.read();
        RecordStats {
            bytes: state.bytes(),
            segments: state.closed.len() + 1,
            live_tasks: state.live.len(),
            batches: self.stats.batches.load(Relaxed),
            syncs: self.stats.syncs.load(Relaxed),
            sync_time: Duration::from_nanos(self.stats.sync_nanos.load(Relaxed)),
            failures: self.stats.failures.load(Relaxed),
        }
    }

    /// Reads the entry at a position.
    pub(super) fn read_entry(&self, at: Position) -> Result<Entry, RecordError> {
        let segment = {
            let state = self.state.read();
            let closed = state.closed.iter().find(|closed| closed.segment.number == at.segment());
            closed.map_or_else(|| state.open.clone(), |closed| closed.segment.clone())
        };
        read_entry(&segment, at.offset())
    }

    pub(super) fn ended(&self, task: TaskId) -> Result<Option<Ended>, RecordError> {
        self.find(Lookup::Ended(task), |entry| match entry.entry {
            Some(Kind::Ended(ended)) if ended.task_id == task.as_bytes() => Some(*ended),
            _ => None,
        })
    }

    /// Looks in the open segment, then in the closed ones from the newest.
    fn find<T>(
        &self,
        lookup: Lookup<'_>,
        pick: impl Fn(Entry) -> Option<T>,
    ) -> Result<Option<T>, RecordError> {
        let hash = lookup.hash();
        let (open, closed) = {
            let state = self.state.read();
            (state.index.find(hash).map(|offset| (state.open.clone(), offset)), state.closed.clone())
        };
        if let Some((segment, offset)) = open
            && let Some(found) = pick(read_entry(&segment, u64::from(offset))?)
        {
            return Ok(Some(found));
        }
        for closed in closed.iter().rev() {
            let found = closed.index.find(hash).map_err(RecordError::io("search", &closed.segment.path))?;
            if let Some(offset) = found
                && let Some(found) = pick(read_entry(&closed.segment, u64::from(offset))?)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

pub(super) fn read_entry(segment: &Segment, offset: u64) -> Result<Entry, RecordError> {
    let content = segment.read_frame(offset)?;
    Entry::decode_from_slice(&content)
        .map_err(|_| RecordError::Damaged { path: segment.path.clone(), offset })
}

/// Takes the submit out of an `Accepted` or `Carried` entry, with the states that came with it.
pub(super) fn accepted_of(entry: Entry) -> (Option<Accepted>, Vec<Bound>) {
    match entry.entry {
        Some(Kind::Accepted(accepted)) => (Some(*accepted), Vec::new()),
        Some(Kind::Carried(carried)) => (carried.accepted.into_option(), carried.bound),
        _ => (None, Vec::new()),
    }
}
