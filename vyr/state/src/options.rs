use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::StateError;

/// Tells the time at which a binding ends. Tests pass their own.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// No state may outlive its last binding by more than this.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(24 * 3600);

/// Longest name of a state, in bytes.
pub(crate) const NAME_BYTES: usize = 128;

const MIB: u64 = 1 << 20;

/// What the kernel's states may hold, and how long they stay.
#[derive(Clone)]
pub struct StateOptions {
    /// Bytes of keys and values that a state may hold when its creator names no quota. Default 64 MiB.
    pub default_quota: u64,
    /// Time a state stays without bindings when its creator names none. Default 10 minutes.
    pub default_ttl: Duration,
    /// Longest time that a creator may name; more than 24 hours counts as 24 hours. Default 24 hours.
    pub max_ttl: Duration,
    /// States that exist at once. Default 4,096.
    pub max_states: usize,
    /// Bytes of keys and values in all states together. Default 1 GiB.
    pub max_total_bytes: u64,
    /// Keys in one state, since each key costs memory beyond its bytes. Default 1,000,000.
    pub max_keys: usize,
    /// Bytes of one key. Default 1 KiB.
    pub max_key_bytes: usize,
    /// Bytes of one value. Default 16 MiB.
    pub max_value_bytes: usize,
    /// Keys in one page of a listing. Default 1,000.
    pub page_keys: usize,
    /// The clock that is read when a binding ends and by `exists`. Default tokio's clock.
    pub clock: Clock,
}

impl Default for StateOptions {
    fn default() -> Self {
        Self {
            default_quota: 64 * MIB,
            default_ttl: Duration::from_secs(600),
            max_ttl: LONGEST_TTL,
            max_states: 4096,
            max_total_bytes: 1024 * MIB,
            max_keys: 1_000_000,
            max_key_bytes: 1024,
            max_value_bytes: 16 << 20,
            page_keys: 1000,
            clock: Arc::new(Instant::now),
        }
    }
}

impl StateOptions {
    /// Returns the quota of a new state.
    pub(crate) fn quota(&self, asked: Option<u64>) -> Result<u64, StateError> {
        let most = self.max_total_bytes;
        match asked {
            None => Ok(self.default_quota.min(most)),
            Some(quota) if (1..=most).contains(&quota) => Ok(quota),
            Some(quota) => Err(StateError::Field {
                field: "quota_bytes",
                text: format!("the quota of {quota} bytes does not fit: name 1 to {most} bytes"),
            }),
        }
    }

    /// Returns the time that a new state stays without bindings.
    pub(crate) fn ttl(&self, asked: Option<Duration>) -> Result<Duration, StateError> {
        let most = self.max_ttl.min(LONGEST_TTL);
        match asked {
            None => Ok(self.default_ttl.min(most)),
            Some(ttl) if ttl > Duration::ZERO && ttl <= most => Ok(ttl),
            Some(ttl) => Err(StateError::Field {
                field: "ttl",
                text: format!("the TTL of {ttl:?} does not fit: name more than 0 and at most {most:?}"),
            }),
        }
    }

    /// Refuses a name that cannot be shown on one line.
    pub(crate) fn check_name(name: &str) -> Result<(), StateError> {
        if (1..=NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control) {
            return Ok(());
        }
        let text = format!(
            "the state's name has {} bytes: write 1 to {NAME_BYTES} bytes without control characters",
            name.len()
        );
        Err(StateError::Field { field: "name", text })
    }

    /// Refuses a key or a value that is too long.
    pub(crate) fn check_pair(&self, key: &str, value: usize) -> Result<(), StateError> {
        if key.len() > self.max_key_bytes {
            return Err(StateError::Invalid(format!(
                "a key of {} bytes is too long: write at most {}",
                key.len(),
                self.max_key_bytes
            )));
        }
        if value > self.max_value_bytes {
            return Err(StateError::Invalid(format!(
                "a value of {value} bytes is too long: write at most {}",
                self.max_value_bytes
            )));
        }
        Ok(())
    }
}

impl fmt::Debug for StateOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateOptions")
            .field("default_quota", &self.default_quota)
            .field("default_ttl", &self.default_ttl)
            .field("max_ttl", &self.max_ttl)
            .field("max_states", &self.max_states)
            .field("max_total_bytes", &self.max_total_bytes)
            .field("max_keys", &self.max_keys)
            .field("max_key_bytes", &self.max_key_bytes)
            .field("max_value_bytes", &self.max_value_bytes)
            .field("page_keys", &self.page_keys)
            .finish_non_exhaustive()
    }
}
