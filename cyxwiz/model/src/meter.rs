//! How long a run is charged for: from script start to exit by the server's clock, without gaps in the beats.

use cyxwiz_escrow_policy::Amount;
use serde::{Deserialize, Serialize};

use crate::{HourlyRate, Moment, SUSPECT_AFTER, Span};

pub(crate) const HOUR_MS: u128 = 3_600_000;

/// Counts the time of one attempt. Signals come from its node; their moments are the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// When the script started.
    pub started: Moment,
    /// The last signal.
    pub last: Moment,
    /// What was counted up to it.
    pub counted: Span,
    /// When the script was gone, once it is.
    pub ended: Option<Moment>,
}

impl Meter {
    /// The script started.
    #[must_use]
    pub const fn start(now: Moment) -> Self {
        Self { started: now, last: now, counted: Span::ZERO, ended: None }
    }

    /// The node beat: time since the last signal counts, unless it was silent for too long. After the end, and for a
    /// moment before the last signal, nothing changes.
    #[must_use]
    pub fn beat(self, now: Moment) -> Self {
        if self.ended.is_some() || now <= self.last {
            return self;
        }
        let silent = now.since(self.last);
        let counted = if silent > SUSPECT_AFTER { self.counted } else { self.counted.plus(silent) };
        Self { last: now, counted, ..self }
    }

    /// The script is gone.
    #[must_use]
    pub fn end(self, now: Moment) -> Self {
        let last = self.beat(now);
        Self { ended: last.ended.or(Some(now.max(last.last))), ..last }
    }
}

/// What counted time costs, rounded down: `⌊rate × ms ÷ 3,600,000⌋`.
#[must_use]
pub fn charge(rate: HourlyRate, counted: Span) -> Amount {
    let units = u128::from(rate.base_units) * u128::from(counted.0) / HOUR_MS;
    Amount(u64::try_from(units).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Coin;

    #[test]
    fn counts_from_start_to_exit() {
        let meter = Meter::start(Moment(1000)).beat(Moment(6000)).beat(Moment(11_000)).end(Moment(12_500));
        assert_eq!(meter.counted, Span(11_500));
        assert_eq!(meter.ended, Some(Moment(12_500)));
        let rate = HourlyRate { coin: Coin::Usdc, base_units: 800_000 };
        assert_eq!(charge(rate, meter.counted), Amount(2555));
    }

    #[test]
    fn silence_is_not_charged() {
        let meter = Meter::start(Moment(0)).beat(Moment(5000)).beat(Moment(20_000)).beat(Moment(25_000));
        assert_eq!(meter.counted, Span(10_000));
    }

    #[test]
    fn nothing_counts_after_the_end() {
        let meter = Meter::start(Moment(0)).end(Moment(3000));
        assert_eq!(meter.beat(Moment(8000)), meter);
        assert_eq!(meter.end(Moment(9000)), meter);
    }

    proptest! {
        #[test]
        fn is_the_sum_of_short_gaps(signals in proptest::collection::vec(-5000_i64..30_000, 0..60)) {
            let (mut meter, mut now, mut model, mut last) = (Meter::start(Moment(0)), 0_i64, 0_u64, 0_i64);
            for step in signals {
                now += step;
                meter = meter.beat(Moment(now));
                if now > last {
                    let gap = u64::try_from(now - last).unwrap();
                    model += if gap <= 10_000 { gap } else { 0 };
                    last = now;
                }
            }
            prop_assert_eq!(meter.counted, Span(model));
            prop_assert!(meter.counted <= meter.last.since(meter.started));
        }
    }
}
