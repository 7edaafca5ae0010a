//! One event of the stream and what makes a line unacceptable.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

/// The range of event times: the years 1900 to 2199, in milliseconds since 1970.
const TIMES: std::ops::Range<i64> = -2_208_988_800_000..7_258_118_400_000;

/// The largest magnitude of a value.
const MAX_VALUE: f64 = 1e12;

/// The longest `sensor` and `kind`, in bytes.
const MAX_NAME: usize = 128;

/// An event as it stands in the line; nothing is copied unless a string holds escapes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event<'a> {
    /// The producer's id of the event.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// When it happened: milliseconds since 1970.
    pub ts: i64,
    /// Who measured: the key of the join.
    #[serde(borrow)]
    pub sensor: Cow<'a, str>,
    /// What was measured: the key of the aggregation.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The measurement.
    pub value: f64,
}

/// Why a line was refused, and how many lines were, for each reason.
#[derive(Default, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Longer than 64 KiB.
    pub too_long: u64,
    /// Not JSON.
    pub malformed: u64,
    /// JSON, but a field is missing, unknown, twice there, or of another type.
    pub wrong_fields: u64,
    /// A `sensor` or `kind` that is empty or longer than 128 bytes.
    pub bad_name: u64,
    /// A `ts` before 1900 or after 2199.
    pub bad_time: u64,
    /// A `value` beyond ±10¹².
    pub bad_value: u64,
}

impl Rejected {
    /// Parses and validates a line, or counts why not.
    pub fn check<'a>(&mut self, line: &'a [u8]) -> Option<Event<'a>> {
        let event: Event<'a> = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                match error.classify() {
                    Category::Data => self.wrong_fields += 1,
                    _ => self.malformed += 1,
                }
                return None;
            }
        };
        let named = |name: &str| !name.is_empty() && name.len() <= MAX_NAME;
        if !named(&event.sensor) || !named(&event.kind) {
            self.bad_name += 1;
        } else if !TIMES.contains(&event.ts) {
            self.bad_time += 1;
        } else if event.value.abs() > MAX_VALUE {
            self.bad_value += 1;
        } else {
            return Some(event);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"e-1","ts":5,"sensor":"s","kind":"t","value":2.5}"#;

    #[test]
    fn a_good_line_is_borrowed() {
        let event = Rejected::default().check(GOOD.as_bytes()).unwrap();
        assert!(matches!(event.sensor, Cow::Borrowed("s")));
        assert_eq!((event.ts, event.value), (5, 2.5));
    }

    #[test]
    fn each_reason_is_counted() {
        let mut rejected = Rejected::default();
        let mut refuse = |line: &str| assert!(rejected.check(line.as_bytes()).is_none(), "{line}");
        refuse("{oops");
        refuse("");
        refuse(&GOOD.replace("2.5", "1e999"));
        refuse(&GOOD.replace(r#""id":"e-1","#, ""));
        refuse(&GOOD.replace("{", r#"{"more":1,"#));
        refuse(&GOOD.replace("{", r#"{"id":"twice","#));
        refuse(&GOOD.replace(":5", r#":"5""#));
        refuse(&GOOD.replace(r#""s""#, r#""""#));
        refuse(&GOOD.replace(":5", ":9999999999999"));
        refuse(&GOOD.replace("2.5", "-2e12"));
        let counts =
            Rejected { too_long: 0, malformed: 3, wrong_fields: 4, bad_name: 1, bad_time: 1, bad_value: 1 };
        assert_eq!(rejected, counts);
    }
}
