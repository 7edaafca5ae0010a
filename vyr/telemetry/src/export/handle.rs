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

/// Takes finished traces for export. Clones are the same queue; [`Self::disabled`] takes none.
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
    traces: VecDeque<Arc<Ended>>,
    spans: usize,
}

impl ExportHandle {
    /// Makes a handle that exports nothing and costs nothing.
    pub const fn disabled() -> Self {
        Self(None)
    }

    pub(super) const fn new(queue: Arc<Queue>) -> Self {
        Self(Some(queue))
    }

    /// Takes a finished trace. Never waits: where the queue is full it is dropped and counted.
    pub fn offer(&self, ended: &Arc<Ended>) {
        if let Some(queue) = &self.0 {
            queue.push(ended);
        }
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

    fn push(&self, ended: &Arc<Ended>) {
        let spans = ended.spans.len();
        let mut waiting = self.waiting.lock();
        if waiting.spans + spans > self.limit {
            drop(waiting);
            self.dropped.fetch_add(spans as u64, Relaxed);
            return;
        }
        let was_empty = waiting.traces.is_empty();
        let was_short = waiting.spans < self.batch;
        waiting.traces.push_back(Arc::clone(ended));
        waiting.spans += spans;
        let is_full = was_short && waiting.spans >= self.batch;
        drop(waiting);
        if was_empty || is_full {
            self.filled.notify_one();
        }
    }

    /// Waits for a batch: full, or `delay` after its first trace.
    pub(super) async fn batch(&self, delay: Duration) -> Vec<Arc<Ended>> {
        while self.waiting.lock().traces.is_empty() {
            self.filled.notified().await;
        }
        let due = Instant::now() + delay;
        while self.waiting.lock().spans < self.batch {
            if timeout_at(due, self.filled.notified()).await.is_err() {
                break;
            }
        }
        self.take()
    }

    /// Takes up to a batch of what is there.
    pub(super) fn take(&self) -> Vec<Arc<Ended>> {
        let mut waiting = self.waiting.lock();
        let mut taken = Vec::new();
        let mut spans = 0;
        while spans < self.batch
            && let Some(trace) = waiting.traces.pop_front()
        {
            spans += trace.spans.len();
            taken.push(trace);
        }
        waiting.spans -= spans;
        if waiting.traces.is_empty() {
            waiting.traces.shrink_to(1_024);
        }
        drop(waiting);
        self.in_flight.store(spans as u64, Relaxed);
        taken
    }

    /// Counts everything that waits, and what was begun, as dropped.
    pub(super) fn give_up(&self) {
        let mut waiting = self.waiting.lock();
        let left = std::mem::take(&mut *waiting).spans as u64;
        self.dropped.fetch_add(left + self.in_flight.swap(0, Relaxed), Relaxed);
    }
}
