use std::collections::BTreeMap;

use cyxwiz_model::{CHECKPOINT_EVERY, DEFAULT_REFUNDED_COMPUTE, Span};

use super::{ConfigError, Settings};

/// Images that scripts may name where nobody sets others: as `images/` builds and tags them.
const IMAGES: [(&str, &str); 3] = [
    ("python", "cyxwiz/python:latest"),
    ("pytorch", "cyxwiz/pytorch:latest"),
    ("pytorch-cuda", "cyxwiz/pytorch-cuda:latest"),
];

/// What jobs may be.
#[derive(Clone, Debug)]
pub struct MarketConfig {
    /// How long a buyer may dispute a result before it is settled.
    pub dispute_window: Span,
    /// References by the names that scripts use.
    pub images: BTreeMap<String, String>,
    /// Failed runs a wallet and day that are refunded, unless an admin sets another for the wallet.
    pub refunded_compute: Span,
    /// How often an idle node is benchmarked again, on average.
    pub canary_every: Span,
    /// Of a hundred successful deterministic jobs so many are run again, on average.
    pub recheck_percent: u32,
    /// How often a script's checkpoint is uploaded at most.
    pub checkpoint_every: Span,
    /// Bytes of a job's inputs at most.
    pub max_input_bytes: u64,
    /// Bytes of an attempt's outputs at most; each checkpoint counts by itself.
    pub max_output_bytes: u64,
}

impl MarketConfig {
    pub(super) fn check(settings: &mut Settings) -> Result<Self, ConfigError> {
        let default_window = 60;
        let dispute_window = Span::seconds(*settings.dispute_window_seconds.get_or_insert(default_window));
        settings.images.extend(settings.image.drain(..));
        for (name, reference) in IMAGES {
            settings.images.entry(name.to_owned()).or_insert_with(|| reference.to_owned());
        }
        let default_refunded = DEFAULT_REFUNDED_COMPUTE.0 / 1000;
        let refunded = *settings.refunded_compute_seconds.get_or_insert(default_refunded);
        let checkpoint = *settings.checkpoint_seconds.get_or_insert(CHECKPOINT_EVERY.0 / 1000);
        if !(1..=3600).contains(&checkpoint) {
            return Err(ConfigError::setting("checkpoint-seconds", "1 to 3600"));
        }
        let canary = *settings.canary_seconds.get_or_insert(4 * 3600);
        if canary == 0 {
            return Err(ConfigError::setting("canary-seconds", "at least 1"));
        }
        let recheck_percent = *settings.recheck_percent.get_or_insert(25);
        if recheck_percent > 100 {
            return Err(ConfigError::setting("recheck-percent", "0 to 100"));
        }
        let max_input_bytes = *settings.max_input_bytes.get_or_insert(1 << 30);
        let max_output_bytes = *settings.max_output_bytes.get_or_insert(10 << 30);
        if max_input_bytes > 1 << 40 || max_output_bytes > 1 << 40 {
            return Err(ConfigError::setting("max-output-bytes", "at most a TiB"));
        }
        Ok(Self {
            dispute_window,
            images: settings.images.clone(),
            refunded_compute: Span::seconds(refunded),
            canary_every: Span::seconds(canary),
            recheck_percent,
            checkpoint_every: Span::seconds(checkpoint),
            max_input_bytes,
            max_output_bytes,
        })
    }
}
