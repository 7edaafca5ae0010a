//! What an hour costs: in micro-USD as offers have it, and in base units of a coin as the meter counts.

use std::fmt;

use cyxwiz_escrow_policy::Amount;
use serde::{Deserialize, Serialize};

use crate::{Coin, Moment, Span};

/// How old a rate for SOL may be.
pub const RATE_MAX_AGE: Span = Span::seconds(3600);

const MICRO: u64 = 1_000_000;
const LAMPORTS: u128 = 1_000_000_000;

/// What an hour costs, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HourlyPrice(pub u64);

impl fmt::Display for HourlyPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:06}", self.0 % MICRO);
        let part = part.trim_end_matches('0');
        write!(f, "{}.{part:0<2} $/h", self.0 / MICRO)
    }
}

/// What one SOL is worth, set by an admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SolRate {
    /// Micro-USD for one SOL.
    pub micro_usd: u64,
    /// When it was set.
    pub at: Moment,
}

/// What an hour costs in base units of a coin. Fixed when an escrow is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourlyRate {
    /// The coin.
    pub coin: Coin,
    /// Base units an hour.
    pub base_units: u64,
}

/// Why there is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// No admin has set one.
    #[error("there is no rate for SOL: pay in USDC")]
    NoSolRate,
    /// The last one is over an hour old.
    #[error("the rate for SOL is {} minutes old: pay in USDC, or try again later", age.0 / 60_000)]
    OldSolRate {
        /// How old it is.
        age: Span,
    },
    /// The price is beyond what can be counted.
    #[error("the price is too high to count in base units")]
    TooHigh,
}

impl HourlyRate {
    /// From a price: USDC is 1:1, SOL by the rate, rounded up so that no offer is paid less than it asks.
    ///
    /// # Errors
    /// No fresh rate for SOL; a price that cannot be counted.
    pub fn of(price: HourlyPrice, coin: Coin, sol: Option<SolRate>, now: Moment) -> Result<Self, PriceError> {
        let base_units = match coin {
            Coin::Usdc => price.0,
            Coin::Sol => {
                let rate = sol.filter(|rate| rate.micro_usd > 0).ok_or(PriceError::NoSolRate)?;
                let age = now.since(rate.at);
                if age > RATE_MAX_AGE {
                    return Err(PriceError::OldSolRate { age });
                }
                let lamports = (u128::from(price.0) * LAMPORTS).div_ceil(u128::from(rate.micro_usd));
                u64::try_from(lamports).map_err(|_| PriceError::TooHigh)?
            }
        };
        Ok(Self { coin, base_units })
    }

    /// What so much time costs at most: rounded up.
    ///
    /// # Errors
    /// [`PriceError::TooHigh`]
    pub fn deposit(self, time: Span) -> Result<Amount, PriceError> {
        let units = (u128::from(self.base_units) * u128::from(time.0)).div_ceil(crate::meter::HOUR_MS);
        u64::try_from(units).map(Amount).map_err(|_| PriceError::TooHigh)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::charge;

    const NOW: Moment = Moment(1_000_000_000_000);

    #[test]
    fn a_dollar_of_usdc_is_a_dollar() {
        let rate = HourlyRate::of(HourlyPrice(800_000), Coin::Usdc, None, NOW).unwrap();
        assert_eq!(rate.base_units, 800_000);
        assert_eq!(rate.deposit(Span::seconds(3600)), Ok(Amount(800_000)));
        assert_eq!(HourlyPrice(800_000).to_string(), "0.80 $/h");
        assert_eq!(HourlyPrice(1_234_567).to_string(), "1.234567 $/h");
    }

    #[test]
    fn sol_needs_a_fresh_rate() {
        let price = HourlyPrice(800_000);
        let sol = |age: u64| {
            Some(SolRate { micro_usd: 160_000_000, at: Moment(NOW.0 - i64::try_from(age).unwrap()) })
        };
        let of = |rate| HourlyRate::of(price, Coin::Sol, rate, NOW).map(|rate| rate.base_units);
        assert_eq!(of(sol(0)), Ok(5_000_000));
        assert_eq!(of(sol(3_600_000)), Ok(5_000_000));
        assert_eq!(of(sol(3_600_001)), Err(PriceError::OldSolRate { age: Span(3_600_001) }));
        assert_eq!(of(None), Err(PriceError::NoSolRate));
    }

    proptest! {
        #[test]
        fn the_default_deposit_pays_for_the_whole_time(units in 0..u64::MAX / 90_000_000, ms in 0..86_400_000_u64, less: u64) {
            let rate = HourlyRate { coin: Coin::Usdc, base_units: units };
            let deposit = rate.deposit(Span(ms)).unwrap();
            prop_assert!(charge(rate, Span(ms - less % (ms + 1))) <= deposit);
        }

        #[test]
        fn nobody_is_paid_less_than_asked(price in 0..1_000_000_000_000_u64, micro_usd in 1_u64..1_000_000_000_000) {
            let sol = SolRate { micro_usd, at: NOW };
            let rate = HourlyRate::of(HourlyPrice(price), Coin::Sol, Some(sol), NOW).unwrap();
            prop_assert!(u128::from(rate.base_units) * u128::from(micro_usd) >= u128::from(price) * LAMPORTS);
        }
    }
}
