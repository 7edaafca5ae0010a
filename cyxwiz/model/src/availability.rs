use serde::{Deserialize, Serialize};

use crate::Moment;

const WEEK: u32 = 7 * 24 * 60;
/// 1970 began on a Thursday: minutes from the Monday before.
const THURSDAY: i64 = 3 * 24 * 60;
const MAX_SPANS: usize = 100;

/// When a node takes work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// Always.
    On,
    /// Never.
    Off,
    /// In these hours.
    Schedule(Vec<WeekHours>),
}

/// Hours of the week, UTC: minutes from Monday 00:00 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekHours {
    from: u32,
    to: u32,
}

/// Why hours are no hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvailabilityError {
    /// They start after the week, end before they start, or last longer than it.
    #[error(
        "hours from minute {from} to minute {to} of the week: start in 0..10080, and end after it within a week"
    )]
    Hours {
        /// The start.
        from: u32,
        /// The end.
        to: u32,
    },
    /// A schedule without hours, or with too many.
    #[error("a schedule has 1 to 100 spans of hours, this has {0}")]
    Count(usize),
}

impl WeekHours {
    /// From a minute of the week up to, not including, a later one; that may be in the next week.
    ///
    /// # Errors
    /// [`AvailabilityError::Hours`]
    pub fn new(from: u32, to: u32) -> Result<Self, AvailabilityError> {
        let well = from < WEEK && from < to && to - from <= WEEK;
        if well { Ok(Self { from, to }) } else { Err(AvailabilityError::Hours { from, to }) }
    }

    /// The first minute.
    #[must_use]
    pub const fn from(self) -> u32 {
        self.from
    }

    /// The minute after the last.
    #[must_use]
    pub const fn to(self) -> u32 {
        self.to
    }

    fn holds(self, minute: u32) -> bool {
        (self.from..self.to).contains(&minute) || (self.from..self.to).contains(&(minute + WEEK))
    }
}

impl Availability {
    /// A schedule.
    ///
    /// # Errors
    /// [`AvailabilityError::Count`]
    pub fn schedule(hours: Vec<WeekHours>) -> Result<Self, AvailabilityError> {
        let count = hours.len();
        if (1..=MAX_SPANS).contains(&count) {
            Ok(Self::Schedule(hours))
        } else {
            Err(AvailabilityError::Count(count))
        }
    }

    /// Whether it takes work now.
    #[must_use]
    pub fn open(&self, now: Moment) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Schedule(hours) => {
                let minutes = now.seconds().div_euclid(60).saturating_add(THURSDAY);
                let minute = u32::try_from(minutes.rem_euclid(i64::from(WEEK))).unwrap_or(0);
                hours.iter().any(|hours| hours.holds(minute))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 was a Monday.
    const MONDAY: i64 = 1_795_392_000_000;

    fn at(day: i64, hour: i64) -> Moment {
        Moment(MONDAY + (day * 24 + hour) * 3_600_000)
    }

    #[test]
    fn hours_are_hours_of_the_week() {
        let nights = Availability::schedule(vec![WeekHours::new(22 * 60, 30 * 60).unwrap()]).unwrap();
        assert!(!nights.open(at(0, 21)));
        assert!(nights.open(at(0, 22)) && nights.open(at(1, 5)));
        assert!(!nights.open(at(1, 6)) && !nights.open(at(2, 23)));
    }

    #[test]
    fn hours_go_over_the_end_of_the_week() {
        let hours = WeekHours::new(6 * 1440 + 23 * 60, WEEK + 60).unwrap();
        let sunday_night = Availability::schedule(vec![hours]).unwrap();
        assert!(sunday_night.open(at(6, 23)) && sunday_night.open(at(7, 0)) && sunday_night.open(at(0, 0)));
        assert!(!sunday_night.open(at(0, 1)));
    }

    #[test]
    fn wrong_hours_are_refused() {
        for (from, to) in [(WEEK, WEEK + 1), (5, 5), (6, 5), (1, WEEK + 2)] {
            assert_eq!(WeekHours::new(from, to), Err(AvailabilityError::Hours { from, to }));
        }
        assert_eq!(Availability::schedule(vec![]), Err(AvailabilityError::Count(0)));
    }
}
