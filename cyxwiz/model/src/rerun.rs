//! What a deterministic Wasm job is given, on whichever machine it runs: nodes run by it, servers run again by it.

use std::collections::BTreeMap;

use crate::JobId;

/// Where the inputs are; read-only.
pub const JOB_DIR: &str = "/job";
/// Where the outputs go.
pub const OUTPUT_DIR: &str = "/output";
/// Where checkpoints go.
pub const CHECKPOINT_DIR: &str = "/checkpoints";
/// The folder of the metrics file.
pub const METRICS_DIR: &str = "/metrics";
/// The metrics file: JSON lines.
pub const METRICS_FILE: &str = "metrics.jsonl";
/// What a deterministic job's wall clock shows at its start: 2026-01-01, seconds since 1970.
pub const CLOCK_SECONDS: u64 = 1_767_225_600;

/// What a deterministic job's random bytes come from: its id, so that no two jobs draw the same.
#[must_use]
pub fn seed(job: JobId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *job.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A job's environment: what the market promises goes before what the buyer sets.
#[must_use]
pub fn environment(buyers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = [
        ("CYX_OUTPUT_DIR", OUTPUT_DIR.to_owned()),
        ("CYX_CHECKPOINT_DIR", CHECKPOINT_DIR.to_owned()),
        ("CYX_METRICS", format!("{METRICS_DIR}/{METRICS_FILE}")),
    ];
    let mut environment = buyers.clone();
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_market_promises_cannot_be_set() {
        let buyers = BTreeMap::from([
            ("CYX_OUTPUT_DIR".to_owned(), "/job".to_owned()),
            ("SEED".to_owned(), "7".to_owned()),
        ]);
        let environment = environment(&buyers);
        assert_eq!(environment["CYX_OUTPUT_DIR"], "/output");
        assert_eq!(environment["SEED"], "7");
    }

    #[test]
    fn jobs_draw_apart() {
        let id = JobId::from_bytes(*b"0123456789abcdef");
        assert_eq!(seed(id), u64::from_le_bytes(*b"89abcdef"));
        assert_ne!(seed(JobId::generate()), seed(JobId::generate()));
    }
}
