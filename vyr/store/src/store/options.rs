use std::{path::PathBuf, time::Duration};

use crate::TrustPolicy;

/// How a store behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// The folder of trusted public keys. No default.
    pub trust_dir: PathBuf,
    /// What happens to artifacts that no trusted key signed. Default [`TrustPolicy::Require`].
    pub policy: TrustPolicy,
    /// The most bytes one blob may have. Default 8 GiB.
    pub max_blob_bytes: u64,
    /// The most artifacts `index.json` may list: it is written anew at each put. Default 10,000.
    pub max_artifacts: usize,
    /// How long to wait for another process to give the lock back. Default 30 s.
    pub lock_timeout: Duration,
}

impl StoreOptions {
    /// Returns the defaults, with keys trusted from `trust_dir`.
    pub fn new(trust_dir: impl Into<PathBuf>) -> Self {
        Self {
            trust_dir: trust_dir.into(),
            policy: TrustPolicy::Require,
            max_blob_bytes: 8 << 30,
            max_artifacts: 10_000,
            lock_timeout: Duration::from_secs(30),
        }
    }
}

/// When a blob is on disk for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlobDurability {
    /// Before the commit returns: it survives a power cut.
    #[default]
    Durable,
    /// Some time after the commit returned: a power cut may lose it, which is noticed when it is read.
    Volatile,
}
