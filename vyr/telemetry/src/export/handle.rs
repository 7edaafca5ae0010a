use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use vyr_proto::record::Ended;

use crate::{FinishedSpan, otlp};

/// Bytes that wait for the collector at most, however few spans that is.
const MAX_BYTES: usize = 64 << 20;
/// Bytes at which a batch is sent, however few spans it has: collectors take 4 MiB, as a rule.
const BATCH_BYTES: usize = 2 << 20;

/// Takes finished traces, and spans that stand alone, for export. Clones are the same queue; [`Self::disabled`] takes none.
#[derive(Debug, Clone, Default)]
pub struct ExportHandle(Option<Arc<Queue>>);

#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
    limit: usize,
    batch: usize,
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failures: AtomicU64,
    /// Spans taken off the queue that the collector has not taken yet.
    pub(super) in_flight: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    full: VecDeque<Batch>,
    open: Batch,
    /// Of all batches.
    spans: usize,
    bytes: usize,
    /// Room of a batch that was sent.
    spare: Vec<u8>,
}

/// Encoded spans that are sent together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) spans: usize,
    pub(super) bytes: Vec<u8>,
}

impl ExportHandle {
    /// Makes a handle that exports nothing and costs nothing.
    pub const fn disabled() -> Self {
        Self(None)
    }

    pub(super) const fn new(queue: Arc<Queue>) -> Self {
        Self(Some(queue))
    }

    /// Takes a finished trace: encodes it, while it is at hand. Never waits: where the queue is full it is dropped and counted.
    pub fn offer(&self, ended: &Ended) {
        if let Some(queue) = &self.0 {
            queue.push(ended.spans.len(), |bytes| otlp::write_spans(ended, bytes));
        }
    }

    /// Takes a span that stands alone, in the same way.
    pub fn record(&self, span: &FinishedSpan) {
        if let Some(queue) = &self.0 {
            queue.push(1, |bytes| otlp::write_finished(span, bytes));
        }
    }

    /// Tells whether anything is exported.
    pub const fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Returns how many spans the collector took.
    pub fn sent(&self) -> u64 {
        self.read(|queue| queue.sent.load(Relaxed))
    }

    /// Returns how many spans were given up.
    pub fn dropped(&self) -> u64 {
        self.read(|queue| queue.dropped.load(Relaxed))
    }

    /// Returns how many requests the collector did not take.
    pub fn failures(&self) -> u64 {
        self.read(|queue| queue.failures.load(Relaxed))
    }

    /// Returns how many spans wait.
    pub fn queued(&self) -> u64 {
        self.read(|queue| queue.waiting.lock().spans as u64 + queue.in_flight.load(Relaxed))
    }

    fn read(&self, figure: impl Fn(&Queue) -> u64) -> u64 {
        self.0.as_deref().map_or(0, figure)
    }
}

impl Queue {
    pub(super) fn new(limit: usize, batch: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            filled: Notify::new(),
            limit,
            batch: batch.max(1),
            sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
        }
    }

    fn push(&self, spans: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.waiting.lock();
        let waiting = &mut *waiting;
        if waiting.spans + spans > self.limit || waiting.bytes >= MAX_BYTES {
            self.dropped.fetch_add(spans as u64, Relaxed);
            return;
        }
        let was_empty = waiting.spans == 0;
        let before = waiting.open.bytes.len();
        write(&mut waiting.open.bytes);
        waiting.bytes += waiting.open.bytes.len() - before;
        waiting.open.spans += spans;
        waiting.spans += spans;
        let is_full = self.is_full(&waiting.open);
        if is_full {
            let next = Batch { spans: 0, bytes: std::mem::take(&mut waiting.spare) };
            waiting.full.push_back(std::mem::replace(&mut waiting.open, next));
        }
        if was_empty || is_full {
            self.filled.notify_one();
        }
    }

    const fn is_full(&self, batch: &Batch) -> bool {
        batch.spans >= self.batch || batch.bytes.len() >= BATCH_BYTES
    }

    /// Waits for a batch: full, or `delay` after its first trace.
    pub(super) async fn batch(&self, delay: Duration) -> Batch {
        while self.waiting.lock().spans == 0 {
            self.filled.notified().await;
        }
        let due = Instant::now() + delay;
        while self.waiting.lock().full.is_empty() {
            if timeout_at(due, self.filled.notified()).await.is_err() {
                break;
            }
        }
        self.take()
    }

    /// Takes a batch of what is there; an empty one where there is nothing.
    pub(super) fn take(&self) -> Batch {
        let mut waiting = self.waiting.lock();
        let waiting = &mut *waiting;
        let batch = waiting.full.pop_front().unwrap_or_else(|| std::mem::take(&mut waiting.open));
        waiting.spans -= batch.spans;
        waiting.bytes -= batch.bytes.len();
        self.in_flight.store(batch.spans as u64, Relaxed);
        batch
    }

    /// Takes back the room of a batch that is done with.
    pub(super) fn recycle(&self, mut batch: Batch) {
        batch.bytes.clear();
        if batch.bytes.capacity() <= 2 * BATCH_BYTES {
            self.waiting.lock().spare = batch.bytes;
        }
    }

    /// Counts everything that waits, and what was begun, as dropped.
    pub(super) fn give_up(&self) {
        let mut waiting = self.waiting.lock();
        let left = std::mem::take(&mut *waiting).spans as u64;
        self.dropped.fetch_add(left + self.in_flight.swap(0, Relaxed), Relaxed);
    }
}
