//! When a node takes work, as its owner writes it.

use cyxwiz_model::{Availability, AvailabilityError, WeekHours};
use cyxwiz_proto::v1;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u32 = 24 * 60;

/// Why a text is no schedule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScheduleError {
    #[error(
        "`{0}` says no hours: write on, off, or hours in UTC such as `mon-fri 22:00-06:00, sat 00:00-24:00`"
    )]
    Form(String),
    #[error(transparent)]
    Hours(#[from] AvailabilityError),
}

/// Parses `on`, `off`, or `DAYS HH:MM-HH:MM` with commas between; an end before its start is the next day's.
pub(crate) fn parse(text: &str) -> Result<Availability, ScheduleError> {
    match text.trim() {
        "on" => return Ok(Availability::On),
        "off" => return Ok(Availability::Off),
        _ => {}
    }
    let mut hours = Vec::new();
    for part in text.split(',') {
        let refuse = || ScheduleError::Form(part.trim().chars().take(60).collect());
        let (days, times) = part.trim().split_once(char::is_whitespace).ok_or_else(refuse)?;
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let (first, last) = (day(first).ok_or_else(refuse)?, day(last).ok_or_else(refuse)?);
        let (from, to) = times.trim().split_once('-').ok_or_else(refuse)?;
        let (from, to) = (minute(from).ok_or_else(refuse)?, minute(to).ok_or_else(refuse)?);
        let length = if to > from { to - from } else { to + DAY - from };
        let count = (last + 7 - first) % 7 + 1;
        for day in (0..count).map(|step| (first + step) % 7) {
            let start = day * DAY + from;
            // 24:00 as a start is the next day's 0:00
            let start = start % (7 * DAY);
            hours.push(WeekHours::new(start, start + length)?);
        }
    }
    Ok(Availability::schedule(hours)?)
}

fn day(text: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    DAYS.iter().position(|day| *day == text).and_then(|index| u32::try_from(index).ok())
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    let (hour, minute): (u32, u32) = (digits(hour) && digits(minute))
        .then(|| Some((hour.parse().ok()?, minute.parse().ok()?)))
        .flatten()?;
    (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
}

/// As the wire has it.
pub(crate) fn to_wire(availability: &Availability) -> v1::Availability {
    let (mode, hours) = match availability {
        Availability::On => (v1::availability::Mode::On, Vec::new()),
        Availability::Off => (v1::availability::Mode::Off, Vec::new()),
        Availability::Schedule(hours) => (v1::availability::Mode::Schedule, hours.clone()),
    };
    let hours = hours.into_iter().map(|hours| v1::WeekHours {
        from_minute: hours.from(),
        to_minute: hours.to(),
        ..Default::default()
    });
    v1::Availability { mode: mode.into(), hours: hours.collect(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Vec<(u32, u32)> {
        match parse(text).unwrap() {
            Availability::Schedule(hours) => hours.iter().map(|hours| (hours.from(), hours.to())).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn hours_of_days() {
        assert_eq!(parse("on"), Ok(Availability::On));
        assert_eq!(parse(" off "), Ok(Availability::Off));
        assert_eq!(spans("tue 08:00-17:30"), [(DAY + 480, DAY + 1050)]);
        assert_eq!(spans("Mon-Tue 22:00-6:00"), [(1320, 1800), (DAY + 1320, DAY + 1800)]);
        assert_eq!(spans("sat 00:00-24:00, sun 00:00-24:00"), [(5 * DAY, 6 * DAY), (6 * DAY, 7 * DAY)]);
        assert_eq!(spans("sun-mon 01:00-02:00"), [(6 * DAY + 60, 6 * DAY + 120), (60, 120)]);
        assert_eq!(spans("fri 10:00-10:00"), [(4 * DAY + 600, 5 * DAY + 600)]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "always",
            "mon",
            "mon 1-2",
            "mon 25:00-26:00",
            "day 01:00-02:00",
            "mon 01:60-02:00",
            "mon -1:00-02:00",
            "mon 01:00-02:00,",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
