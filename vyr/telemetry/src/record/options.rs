use std::{fmt, sync::Arc, time::Duration};

/// How a record is kept.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// Bytes after which a segment is closed and the next begun. Opening reads at most about one
    /// segment. Default 16 MiB.
    pub segment_bytes: u64,
    /// Bytes of all segments after which the oldest is deleted. Default 512 MiB.
    pub retain_bytes: u64,
    /// Age after which a segment is deleted; `None`, the default, keeps by size alone.
    pub retain_age: Option<Duration>,
    /// Bytes that wait for the disk; a further append waits for room. Default 8 MiB.
    pub pending_bytes: usize,
    /// Bytes of one entry, the largest accepted. Default 4 MiB.
    pub entry_bytes: usize,
    /// The longest that a volatile entry waits before it is written (not synced). Default 5 ms.
    pub volatile_delay: Duration,
    /// How long a disk that refused a write is left alone before it is tried again. Default 1 s.
    pub retry_delay: Duration,
    /// What to do about damaged bytes found when opening. Default: set them aside.
    pub on_damage: OnDamage,
    /// Is told how long each sync took, on the writer's thread. Default: nobody.
    pub on_sync: OnSync,
}

/// Is told how long each sync took.
#[derive(Clone, Default)]
pub struct OnSync(Option<Arc<dyn Fn(Duration) + Send + Sync>>);

impl OnSync {
    /// Wraps a function; it must be quick, since the writer waits for it.
    pub fn new(told: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(super) fn tell(&self, time: Duration) {
        if let Some(told) = &self.0 {
            told(time);
        }
    }
}

impl fmt::Debug for OnSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "OnSync(a function)" } else { "OnSync(nobody)" })
    }
}

/// What to do about damaged bytes found when opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDamage {
    /// Move them into a file beside the segment, report them, keep everything else.
    #[default]
    SetAside,
    /// Refuse to open.
    Refuse,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            retain_bytes: 512 << 20,
            retain_age: None,
            pending_bytes: 8 << 20,
            entry_bytes: 4 << 20,
            volatile_delay: Duration::from_millis(5),
            retry_delay: Duration::from_secs(1),
            on_damage: OnDamage::SetAside,
            on_sync: OnSync::default(),
        }
    }
}
