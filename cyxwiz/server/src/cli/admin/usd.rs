use std::str::FromStr;

/// US dollars as people write them, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct MicroUsd(pub(super) u64);

impl FromStr for MicroUsd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!("`{text}` is no amount above nothing: write dollars such as 0.80, six decimals at most")
        };
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 6 {
            return Err(wrong());
        }
        let micro = format!("{part:0<6}").parse::<u64>().map_err(|_| wrong())?;
        let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(1_000_000));
        // a million dollars is beyond any price, and far within what a row holds
        let sum = whole
            .and_then(|whole| whole.checked_add(micro))
            .filter(|sum| (1..=1_000_000_000_000).contains(sum));
        sum.map(Self).ok_or_else(wrong)
    }
}

/// Millionths as dollars.
pub(super) fn dollars(micro: u64) -> String {
    let part = format!("{:06}", micro % 1_000_000);
    format!("{}.{:0<2}", micro / 1_000_000, part.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_to_the_millionth() {
        for (text, micro) in [("0.80", 800_000), ("150", 150_000_000), ("0.000001", 1), ("1.5", 1_500_000)] {
            assert_eq!(text.parse(), Ok(MicroUsd(micro)));
        }
        for text in ["", "0", "-1", "1,5", ".5", "1.", "0.0000001", "1e3", "99999999999999", "1000001"] {
            assert!(text.parse::<MicroUsd>().is_err(), "{text}");
        }
        assert_eq!(dollars(800_000), "0.80");
        assert_eq!(dollars(1_234_567), "1.234567");
    }
}
