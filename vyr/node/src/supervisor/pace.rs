use std::{num::NonZeroUsize, time::Duration};

use lru::LruCache;
use parking_lot::Mutex;
use vyr_model::Digest;

/// Artifacts whose pace is remembered; the one unused for longest makes room.
const ARTIFACTS: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// A run up to this long ends while the disk is left alone for it.
const QUICK: Duration = Duration::from_micros(150);
/// How long the disk is left alone for a run that is expected to be quick.
const WARM: Duration = Duration::from_micros(250);
/// The same for an artifact of which nothing is known: its compiled code is read and linked, and its guest
/// may end at once.
const UNKNOWN: Duration = Duration::from_millis(1);

/// Guesses from the last run of an artifact how long the next takes. A wrong guess makes one acknowledgement
/// late by what it waited, or costs an end one sync more; nothing else hangs on it.
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

    /// Tells how long the disk is left alone so that the next run's end may join its submit; `None` where
    /// that end is far.
    pub(super) fn patience(&self, artifact: Digest) -> Option<Duration> {
        match self.0.lock().get(&artifact) {
            None => Some(UNKNOWN),
            Some(took) => (*took <= QUICK).then_some(WARM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expects_what_was_seen_last() {
        let (pace, artifact) = (Pace::default(), Digest::of(b"a"));
        assert_eq!(pace.patience(artifact), Some(UNKNOWN));
        pace.note(artifact, QUICK);
        assert_eq!(pace.patience(artifact), Some(WARM));
        assert_eq!(pace.patience(Digest::of(b"b")), Some(UNKNOWN));
        pace.note(artifact, QUICK + Duration::from_nanos(1));
        assert_eq!(pace.patience(artifact), None);
    }
}
