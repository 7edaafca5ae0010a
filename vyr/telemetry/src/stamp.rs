use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A moment on the process's monotonic clock that also knows its calendar time.
///
/// One pair of clock readings a process ties the two together, so stamps never run backwards
/// and spans of one process line up whatever happens to the calendar clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

struct Base {
    instant: Instant,
    unix_nanos: u64,
}

/// Headroom before the process's first stamp, so that a guest start seen earlier still fits.
const HEADROOM: u64 = 3_600_000_000_000;

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
        Self(HEADROOM + nanos(base().instant.elapsed()))
    }

    /// Places a monotonic reading.
    pub fn from_instant(instant: Instant) -> Self {
        let base = base().instant;
        match instant.checked_duration_since(base) {
            Some(after) => Self(HEADROOM + nanos(after)),
            None => Self(HEADROOM.saturating_sub(nanos(base.saturating_duration_since(instant)))),
        }
    }

    /// Places a calendar time.
    pub fn from_system_time(time: SystemTime) -> Self {
        Self::from_unix_nanos(nanos(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    /// Places nanoseconds since the Unix epoch.
    pub fn from_unix_nanos(unix: u64) -> Self {
        Self(unix.saturating_add(HEADROOM).saturating_sub(base().unix_nanos))
    }

    /// Returns nanoseconds since the Unix epoch.
    pub fn unix_nanos(self) -> u64 {
        base().unix_nanos.saturating_add(self.0).saturating_sub(HEADROOM)
    }

    /// Returns the calendar time.
    pub fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.unix_nanos())
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
        let second = Stamp::now();
        assert!(first <= second);
        assert_eq!(Stamp::from_unix_nanos(first.unix_nanos()), first);
        assert_eq!(second.since(first).as_nanos() as u64, second.unix_nanos() - first.unix_nanos());
        assert_eq!(first.since(second), Duration::ZERO.min(second.since(first)));
        assert_eq!(Stamp::from_system_time(first.system_time()), first);
    }
}
