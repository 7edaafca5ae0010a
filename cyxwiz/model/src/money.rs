//! Amounts as people write them, kept as exact base units.

use std::fmt;
use std::str::FromStr;

use cyxwiz_escrow_policy::Amount;

/// What can be paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coin {
    /// Native SOL.
    Sol,
    /// USDC, a classic SPL token.
    Usdc,
}

impl Coin {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sol, Self::Usdc];

    /// Decimal places.
    #[must_use]
    pub fn decimals(self) -> u8 {
        match self {
            Self::Sol => 9,
            Self::Usdc => 6,
        }
    }

    /// As a person writes it.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Sol => "SOL",
            Self::Usdc => "USDC",
        }
    }

    /// How many base units one of it has.
    fn unit(self) -> u64 {
        10_u64.pow(u32::from(self.decimals()))
    }
}

impl fmt::Display for Coin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl FromStr for Coin {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|coin| coin.symbol().eq_ignore_ascii_case(text));
        found.ok_or_else(|| MoneyError::UnknownCoin(text.to_owned()))
    }
}

/// An amount of a coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// Of what.
    pub coin: Coin,
    /// How many base units.
    pub amount: Amount,
}

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Neither SOL nor USDC.
    #[error("no coin is called `{0}`: take SOL or USDC")]
    UnknownCoin(String),
    /// Not digits with at most one point.
    #[error("`{0}` is no amount: write it like 12.5")]
    NoNumber(String),
    /// Finer than the coin.
    #[error("`{text}` has {found} decimal places, {coin} has {}: write fewer", coin.decimals())]
    TooManyDecimals {
        /// What was written.
        text: String,
        /// Its decimal places.
        found: usize,
        /// The coin.
        coin: Coin,
    },
    /// Above 2^64 base units.
    #[error("`{0}` is more than the chain can count")]
    TooMuch(String),
}

impl Money {
    /// So many base units.
    #[must_use]
    pub fn new(coin: Coin, base_units: u64) -> Self {
        Self { coin, amount: Amount(base_units) }
    }

    /// Reads what a person wrote: digits, and a point with decimals if need be.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, coin: Coin) -> Result<Self, MoneyError> {
        let bad = || MoneyError::NoNumber(text.to_owned());
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) || text.ends_with('.') {
            return Err(bad());
        }
        let part = part.trim_end_matches('0');
        if part.len() > usize::from(coin.decimals()) {
            let found = part.len();
            return Err(MoneyError::TooManyDecimals { text: text.to_owned(), found, coin });
        }
        let too_much = || MoneyError::TooMuch(text.to_owned());
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_much())? };
        let padded = format!("{part:0<width$}", width = usize::from(coin.decimals()));
        let part: u64 = padded.parse().map_err(|_| bad())?;
        let units = whole.checked_mul(coin.unit()).and_then(|units| units.checked_add(part));
        Ok(Self::new(coin, units.ok_or_else(too_much)?))
    }

    /// The number alone, without needless zeros.
    #[must_use]
    pub fn number(&self) -> String {
        let (whole, part) = (self.amount.0 / self.coin.unit(), self.amount.0 % self.coin.unit());
        let part = format!("{part:0>width$}", width = usize::from(self.coin.decimals()));
        match part.trim_end_matches('0') {
            "" => whole.to_string(),
            part => format!("{whole}.{part}"),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.coin)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        let read = |text| Money::parse(text, Coin::Usdc).map(|money| money.amount.0);
        assert_eq!(read("1"), Ok(1_000_000));
        assert_eq!(read("0.000001"), Ok(1));
        assert_eq!(read(".5"), Ok(500_000));
        assert_eq!(read("12.500000000"), Ok(12_500_000));
        assert_eq!(read("18446744073709.551615"), Ok(u64::MAX));
    }

    #[test]
    fn mistakes_name_the_mend() {
        let say = |text| Money::parse(text, Coin::Usdc).unwrap_err().to_string();
        assert_eq!(say("0.0000001"), "`0.0000001` has 7 decimal places, USDC has 6: write fewer");
        for bad in ["", ".", "1.", "-1", "1,5", "1e3", "٣", "1.2.3", " 1"] {
            assert_eq!(say(bad), format!("`{bad}` is no amount: write it like 12.5"));
        }
        assert_eq!(say("18446744073709.551616"), "`18446744073709.551616` is more than the chain can count");
        assert_eq!(say("99999999999999999999"), "`99999999999999999999` is more than the chain can count");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(units: u64, sol: bool) {
            let coin = if sol { Coin::Sol } else { Coin::Usdc };
            let money = Money::new(coin, units);
            prop_assert_eq!(Money::parse(&money.number(), coin), Ok(money));
        }
    }
}
