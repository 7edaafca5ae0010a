//! Whether a machine is as fast as its kind.

use cyxwiz_model::Span;

/// Slower than this is no processor that jobs could use: nanoseconds a round.
const SLOWEST_NS: u64 = 20_000;
/// How much slower than its kind's median a machine may be.
const BAND: u64 = 3;

/// Nanoseconds a round.
pub(super) fn per_round(took: Span, rounds: u64) -> u64 {
    took.0.saturating_mul(1_000_000) / rounds.max(1)
}

/// Why a machine is not what it says, by its time and that of its kind.
pub(super) fn too_slow(ns: u64, median: Option<u64>) -> Option<String> {
    if ns > SLOWEST_NS {
        return Some(format!("{ns} ns a round: at most {SLOWEST_NS} are accepted"));
    }
    let median = median?;
    let most = median.saturating_mul(BAND);
    (ns > most)
        .then(|| format!("{ns} ns a round: machines of this kind take {median}, at most {most} are accepted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_is_that_of_the_kind() {
        assert_eq!(too_slow(100, None), None);
        assert_eq!(too_slow(100, Some(90)), None);
        assert!(too_slow(300, Some(90)).is_some());
        assert!(too_slow(SLOWEST_NS + 1, None).is_some());
    }
}
