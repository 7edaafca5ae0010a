//! The server's clock, handed to whoever needs the time, so that tests can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cyxwiz_model::{Moment, Span};

/// Tells the time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's time.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn manual(at: Moment) -> Self {
        Self(Some(Arc::new(AtomicI64::new(at.0))))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Moment {
        if let Some(moved) = &self.0 {
            return Moment(moved.load(Ordering::Relaxed));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Moves a manual clock on; a system's clock moves by itself.
    pub fn advance(&self, by: Span) {
        if let Some(moved) = &self.0 {
            moved.fetch_add(i64::try_from(by.0).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_all_its_clones() {
        let clock = Clock::manual(Moment(5));
        let other = clock.clone();
        clock.advance(Span(10));
        assert_eq!(other.now(), Moment(15));
    }

    #[test]
    fn the_systems_clock_is_past_2025() {
        assert!(Clock::system().now() > Moment(1_735_000_000_000));
    }
}
