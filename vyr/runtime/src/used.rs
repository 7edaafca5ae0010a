use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What an execution has used so far, for whoever looks from outside while it runs. Clones are the same. An executor that
/// notes nothing leaves it at zero.
#[derive(Clone, Debug, Default)]
pub struct Used(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cpu_nanos: AtomicU64,
    memory_bytes: AtomicU64,
}

impl Used {
    /// Returns the processor time of the guest. It only grows.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.0.cpu_nanos.load(Ordering::Relaxed))
    }

    /// Returns the memory that the guest holds now, as its limit counts it.
    pub fn memory_bytes(&self) -> u64 {
        self.0.memory_bytes.load(Ordering::Relaxed)
    }

    /// Notes processor time, nanoseconds in all.
    pub(crate) fn note_cpu(&self, nanos: u64) {
        self.0.cpu_nanos.fetch_max(nanos, Ordering::Relaxed);
    }

    /// Notes memory.
    pub(crate) fn note_memory(&self, bytes: u64) {
        self.0.memory_bytes.store(bytes, Ordering::Relaxed);
    }
}
