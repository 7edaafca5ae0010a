use std::num::NonZeroU32;

use super::{ConfigError, Settings};

/// How often callers may call. Each server counts by itself.
#[derive(Clone, Copy, Debug)]
pub struct LimitConfig {
    /// Calls a minute from one address without a session; a burst of as many at once.
    pub per_address: NonZeroU32,
    /// Calls a minute with one account or node; a burst of as many at once.
    pub per_account: NonZeroU32,
}

impl LimitConfig {
    pub(super) fn check(settings: &mut Settings) -> Result<Self, ConfigError> {
        let at_least_one =
            |setting, n| NonZeroU32::new(n).ok_or_else(|| ConfigError::setting(setting, "at least 1"));
        let per_address = at_least_one("calls-per-address", *settings.calls_per_address.get_or_insert(120))?;
        let per_account = at_least_one("calls-per-account", *settings.calls_per_account.get_or_insert(1200))?;
        Ok(Self { per_address, per_account })
    }
}
