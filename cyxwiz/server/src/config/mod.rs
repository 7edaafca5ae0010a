//! How a server is set up: flags over environment over file, checked once, and printable as it counts.
//!
//! ```text
//! flags, CYXWIZ_* (clap) ─┐
//! file (TOML)            ─┴─► Settings (all optional, as written) ─► Config (checked, with defaults)
//! ```

mod chain;
mod error;
mod limits;
mod listen;
mod market;
mod settings;
mod storage;
mod telemetry;

use std::path::Path;

pub use chain::ChainConfig;
pub use error::ConfigError;
pub use limits::LimitConfig;
pub use listen::{ListenConfig, TlsFiles};
pub use market::MarketConfig;
pub use settings::Settings;
pub use storage::{BackupConfig, Objects, StorageConfig};
pub use telemetry::TelemetryConfig;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens, and what it is called.
    pub listen: ListenConfig,
    /// Where data lies.
    pub storage: StorageConfig,
    /// Which chain, and with which keys.
    pub chain: ChainConfig,
    /// What jobs may be.
    pub market: MarketConfig,
    /// How much callers may do.
    pub limits: LimitConfig,
    /// Where spans go.
    pub telemetry: TelemetryConfig,
    /// As it counts: the settings with every default in its place.
    pub effective: Settings,
}

impl Config {
    /// Reads the file that the flags name, if they name one, and checks the whole.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown or wrong setting.
    pub fn load(flags: Settings) -> Result<Self, ConfigError> {
        let settings = match flags.config.clone() {
            Some(path) => flags.over(Settings::read(Path::new(&path))?)?,
            None => flags,
        };
        Self::check(settings)
    }

    /// Checks settings and fills in what they leave out.
    ///
    /// # Errors
    /// A wrong setting.
    pub fn check(settings: Settings) -> Result<Self, ConfigError> {
        let mut effective = settings;
        let storage = StorageConfig::check(&mut effective)?;
        let listen = ListenConfig::check(&mut effective)?;
        let chain = ChainConfig::check(&mut effective)?;
        let market = MarketConfig::check(&mut effective)?;
        let limits = LimitConfig::check(&mut effective)?;
        let telemetry = TelemetryConfig::check(&effective)?;
        Ok(Self { listen, storage, chain, market, limits, telemetry, effective })
    }

    /// The effective configuration as a file that would give it. Secrets of the database's URL are left out.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut shown = self.effective.clone();
        shown.database_url = shown.database_url.map(|url| without_password(&url));
        toml::to_string(&shown).unwrap_or_default()
    }
}

/// `postgres://user:secret@host` without the secret.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "…".into() };
    let Some((credentials, host)) = rest.rsplit_once('@') else { return url.into() };
    let user = credentials.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}:…@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_a_default_and_the_whole_can_be_printed_and_read_back() {
        let config = Config::check(Settings::default()).unwrap();
        let again: Settings = toml::from_str(&config.shown()).unwrap();
        let again = Config::check(again).unwrap();
        assert_eq!(config.shown(), again.shown());
    }

    #[test]
    fn flags_win_over_the_file() {
        let file: Settings =
            toml::from_str("listen = '127.0.0.1:1'\ndispute_window_seconds = 5\n[images]\npython = 'a'")
                .unwrap();
        let flags = Settings { listen: Some("127.0.0.1:2".into()), ..Settings::default() };
        let config = Config::check(flags.over(file).unwrap()).unwrap();
        assert_eq!(config.listen.address.port(), 2);
        assert_eq!(config.market.dispute_window, cyxwiz_model::Span::seconds(5));
        assert_eq!(config.market.images["python"], "a");
    }

    #[test]
    fn a_typing_mistake_in_the_file_is_refused() {
        assert!(toml::from_str::<Settings>("lisen = '127.0.0.1:1'").is_err());
    }

    #[test]
    fn the_databases_password_is_not_shown() {
        assert_eq!(without_password("postgres://a:b@c@h/d"), "postgres://a:…@h/d");
        assert_eq!(without_password("postgres:///d?host=/s"), "postgres:///d?host=/s");
    }
}
