use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A moment on the process's monotonic clock that also knows its calendar time: nanoseconds since
/// the Unix epoch.
///
/// One pair of clock readings a process ties the two together, so stamps never run backwards
/// and spans of one process line up whatever happens to the calendar clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

struct Base {
    instant: Instant,
    unix_nanos: u64,
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| Base {
        instant: Instant::now(),
        unix_nanos: nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
    })
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Stamp {
    /// Reads the monotonic clock.
    pub fn now() -> Self {
        let base = base();
        Self(base.unix_nanos.saturating_add(nanos(base.instant.elapsed())))
    }

    /// Places a monotonic reading.
    pub fn from_instant(instant: Instant) -> Self {
        let base = base();
        let after = nanos(instant.saturating_duration_since(base.instant));
        let before = nanos(base.instant.saturating_duration_since(instant));
        Self(base.unix_nanos.saturating_add(after).saturating_sub(before))
    }

    /// Places a calendar time.
    pub fn from_system_time(time: SystemTime) -> Self {
        Self(nanos(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    /// Places nanoseconds since the Unix epoch.
    pub const fn from_unix_nanos(unix: u64) -> Self {
        Self(unix)
    }

    /// Returns nanoseconds since the Unix epoch.
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// Returns the calendar time.
    pub fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.0)
    }

    /// Returns the time from `earlier` to this; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_calendar_time() {
        let first = Stamp::now();
        let instant = Instant::now();
        let second = Stamp::now();
        assert!(first <= second);
        assert!((first..=second).contains(&Stamp::from_instant(instant)));
        assert_eq!(second.since(first).as_nanos() as u64, second.unix_nanos() - first.unix_nanos());
        assert_eq!(Stamp::from_unix_nanos(5).since(Stamp::from_unix_nanos(9)), Duration::ZERO);
        assert_eq!(Stamp::from_system_time(first.system_time()), first);
    }
}
