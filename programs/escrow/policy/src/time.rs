/// Seconds since 1970 by the chain's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub i64);

/// The least time between an open and its deadline. A job needs room to be placed.
pub const MIN_LIFE: i64 = 10 * 60;

/// The most time between an open and its deadline: 31 days. A buyer who mistypes waits no longer than this.
pub const MAX_LIFE: i64 = 31 * 24 * 60 * 60;

impl UnixTime {
    /// This moment and so many seconds. The end of time is no moment that a deadline could reach.
    #[must_use]
    pub fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}
