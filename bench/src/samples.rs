use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use serde::Serialize;

/// Raw samples that are kept in the results at most; percentiles are of all.
const RAW_KEPT: usize = 5_000;
/// Digits that percentiles have.
const DIGITS: u8 = 3;

/// Measured times.
#[derive(Default, Clone)]
pub(crate) struct Samples(Vec<Duration>);

/// What is told of measured times, in microseconds.
#[derive(Serialize, Clone)]
pub(crate) struct Latency {
    pub(crate) samples: usize,
    pub(crate) min_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p95_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
    pub(crate) mean_us: f64,
    /// In the order in which they were taken, separated by spaces.
    pub(crate) raw_us: String,
}

impl Samples {
    pub(crate) fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Makes percentiles; fails where there is no sample.
    pub(crate) fn latency(&self) -> Result<Latency> {
        anyhow::ensure!(!self.0.is_empty(), "nothing was measured");
        let mut histogram = Histogram::<u64>::new(DIGITS).context("no histogram")?;
        let mut raw = String::new();
        for (count, sample) in self.0.iter().enumerate() {
            histogram.record(u64::try_from(sample.as_nanos())?)?;
            if count < RAW_KEPT {
                let _ = write!(raw, "{}{:.1}", if count == 0 { "" } else { " " }, micros(*sample));
            }
        }
        let at = |quantile: f64| rounded(histogram.value_at_quantile(quantile) as f64 / 1e3);
        Ok(Latency {
            samples: self.0.len(),
            min_us: rounded(histogram.min() as f64 / 1e3),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: rounded(histogram.max() as f64 / 1e3),
            mean_us: rounded(histogram.mean() / 1e3),
            raw_us: raw,
        })
    }
}

impl Latency {
    /// Returns `P50 / P95 / P99` in a unit that reads well.
    pub(crate) fn shown_95(&self) -> String {
        shown(&[self.p50_us, self.p95_us, self.p99_us])
    }

    /// Returns `P50 / P99` in a unit that reads well.
    pub(crate) fn shown(&self) -> String {
        shown(&[self.p50_us, self.p99_us])
    }
}

/// Writes microseconds in the unit of the largest.
pub(crate) fn shown(values: &[f64]) -> String {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let (scale, unit) = if largest >= 1e6 {
        (1e6, "s")
    } else if largest >= 1e3 {
        (1e3, "ms")
    } else {
        (1.0, "µs")
    };
    let numbers: Vec<String> = values.iter().map(|value| number(value / scale)).collect();
    format!("{} {unit}", numbers.join(" / "))
}

/// Writes a number with about three digits.
pub(crate) fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn rounded(micros: f64) -> f64 {
    (micros * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_percentiles() {
        let mut samples = Samples::default();
        (1..=1_000).for_each(|us| samples.push(Duration::from_micros(us)));
        let latency = samples.latency().unwrap();
        assert!((latency.p50_us - 500.0).abs() < 1.0 && (latency.p99_us - 990.0).abs() < 1.0);
        assert_eq!(latency.raw_us.split(' ').count(), 1_000);
        assert!(Samples::default().latency().is_err());
    }

    #[test]
    fn chooses_the_unit() {
        assert_eq!(shown(&[12.34, 99.0]), "12.3 / 99.0 µs");
        assert_eq!(shown(&[450.0, 2_000.0]), "0.45 / 2.00 ms");
        assert_eq!(shown(&[3_000_000.0]), "3.00 s");
    }
}
