use std::{num::NonZeroUsize, time::Duration};

use lru::LruCache;
use parking_lot::Mutex;
use vyr_model::Digest;

/// Artifacts whose pace is remembered; the one unused for longest makes room.
const ARTIFACTS: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// A run up to this long ends before the disk has given up waiting for it (`join_delay` of the record).
const QUICK: Duration = Duration::from_micros(150);

/// Guesses from the last run of an artifact how long the next takes. A wrong guess costs a submit the
/// record's `join_delay`, or an end one sync more; nothing else hangs on it.
pub(super) struct Pace(Mutex<LruCache<Digest, Duration>>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(ARTIFACTS)))
    }
}

impl Pace {
    /// Notes how long a run took, from its preparation to its end.
    pub(super) fn note(&self, artifact: Digest, took: Duration) {
        self.0.lock().put(artifact, took);
    }

    /// Tells whether the next run will likely have ended in no time; not where nothing is known.
    pub(super) fn expects_quick(&self, artifact: Digest) -> bool {
        self.0.lock().get(&artifact).is_some_and(|took| *took <= QUICK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expects_what_was_seen_last() {
        let (pace, artifact) = (Pace::default(), Digest::of(b"a"));
        assert!(!pace.expects_quick(artifact), "nothing is known");
        pace.note(artifact, QUICK);
        assert!(pace.expects_quick(artifact) && !pace.expects_quick(Digest::of(b"b")));
        pace.note(artifact, QUICK + Duration::from_nanos(1));
        assert!(!pace.expects_quick(artifact));
    }
}
