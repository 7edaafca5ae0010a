//! What the owner chose: one file, written by `install`, changed by its flags and by `pause` and `resume`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use cyxwiz_model::{Availability, HourlyPrice};
use serde::{Deserialize, Serialize};

use crate::availability::{self, ScheduleError};
use crate::identity::is_address;
use crate::packages::{IndexError, PackageIndex};

/// Where the server is where nobody says.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8420";

/// The configuration. An absent field takes its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The market's server. Default `http://127.0.0.1:8420`.
    #[serde(default = "default_server")]
    pub(crate) server: String,
    /// PEM file with authorities to trust beside the public ones. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The node's name, for people: 1 to 64 characters. Default: the machine's.
    pub(crate) name: String,
    /// Who is paid: a Solana address. Not the identity key.
    pub(crate) payout_wallet: String,
    /// What an hour costs at least, micro-USD. Default 100,000 (0.10 $).
    #[serde(default = "default_price")]
    pub(crate) min_micro_usd_per_hour: u64,
    /// When it takes work: `on`, `off`, or hours of the week in UTC such as `mon-fri 22:00-06:00, sat 00:00-24:00`.
    #[serde(default = "default_availability")]
    pub(crate) availability: String,
    /// Takes no new work although it is available. Set by `pause`.
    #[serde(default)]
    pub(crate) paused: bool,
    /// Processor jobs at once, 1 to 64. Default 1.
    #[serde(default = "default_slots")]
    pub(crate) cpu_slots: u32,
    /// Processors for jobs, thousandths. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_milli: Option<u32>,
    /// Memory for jobs, MiB. Default: four fifths of the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory_mib: Option<u64>,
    /// Disk for jobs, MiB. Default: four fifths of what is free in the home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disk_mib: Option<u64>,
    /// Whether scripts in containers are taken where there is an engine. Default: they are.
    #[serde(default = "yes")]
    pub(crate) containers: bool,
    /// The container engine's socket. Default: DOCKER_HOST, else the usual places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) container_socket: Option<PathBuf>,
    /// Where pip finds jobs' requirements. Default: PIP_INDEX_URL of the agent's environment, else pip's own. Counts from
    /// the agent's next start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) package_index: Option<PackageIndex>,
}

/// What is wrong with the configuration; says what to write.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("failed to read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` is no configuration: correct it, or write it anew with `cyxwiz-node install`", path.display())]
    Form {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("failed to write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{0}` is no server: write http://HOST:PORT or https://HOST")]
    Server(String),
    #[error("the name has 1 to 64 characters, none of them a control character")]
    Name,
    #[error("there is no wallet to be paid: name your Solana address with --wallet")]
    NoWallet,
    #[error("`{0}` is no Solana address: copy it from your wallet")]
    Wallet(String),
    #[error("`{0}` is no price: write dollars an hour, such as 0.80")]
    Price(String),
    #[error("cpu-slots is {0}: write 1 to 64")]
    Slots(u32),
    #[error("{field} is too little: write at least {least}")]
    Little { field: &'static str, least: &'static str },
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

fn default_server() -> String {
    DEFAULT_SERVER.to_owned()
}

const fn default_price() -> u64 {
    100_000
}

fn default_availability() -> String {
    "on".to_owned()
}

const fn default_slots() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

impl Config {
    /// The defaults, for somebody who is paid at `payout_wallet`.
    pub(crate) fn new(name: String, payout_wallet: String) -> Self {
        Self {
            server: default_server(),
            tls_ca: None,
            name,
            payout_wallet,
            min_micro_usd_per_hour: default_price(),
            availability: default_availability(),
            paused: false,
            cpu_slots: default_slots(),
            cpu_milli: None,
            memory_mib: None,
            disk_mib: None,
            containers: true,
            container_socket: None,
            package_index: None,
        }
    }

    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Form { path: path.to_owned(), source: Box::new(source) })?;
        config.check()?;
        Ok(config)
    }

    /// Writes it whole or not at all.
    pub(crate) fn save(&self, path: &Path) -> Result<(), ConfigError> {
        let failed = |source| ConfigError::Write { path: path.to_owned(), source };
        let text = toml::to_string_pretty(self).map_err(|error| failed(std::io::Error::other(error)))?;
        let temp = path.with_extension("toml.new");
        let mut options = fs::OpenOptions::new();
        let opened = options.create(true).truncate(true).write(true).mode(0o600).open(&temp);
        let mut file = opened.map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&temp, path).map_err(failed)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        server_uri(&self.server)?;
        let name = self.name.chars().count();
        if !(1..=64).contains(&name) || self.name.trim().is_empty() || self.name.chars().any(char::is_control)
        {
            return Err(ConfigError::Name);
        }
        if self.payout_wallet.is_empty() {
            return Err(ConfigError::NoWallet);
        }
        if !is_address(&self.payout_wallet) {
            return Err(ConfigError::Wallet(self.payout_wallet.chars().take(60).collect()));
        }
        if !(1..=64).contains(&self.cpu_slots) {
            return Err(ConfigError::Slots(self.cpu_slots));
        }
        if self.cpu_milli.is_some_and(|milli| milli < 100) {
            return Err(ConfigError::Little { field: "cpus", least: "0.1" });
        }
        if self.memory_mib.is_some_and(|mib| mib < 64) {
            return Err(ConfigError::Little { field: "memory", least: "64 MiB" });
        }
        if self.disk_mib.is_some_and(|mib| mib < 64) {
            return Err(ConfigError::Little { field: "disk", least: "64 MiB" });
        }
        self.availability().map(drop)
    }

    /// When it takes work; never while it is paused.
    pub(crate) fn availability(&self) -> Result<Availability, ConfigError> {
        let chosen = availability::parse(&self.availability)?;
        Ok(if self.paused { Availability::Off } else { chosen })
    }

    pub(crate) fn min_price(&self) -> HourlyPrice {
        HourlyPrice(self.min_micro_usd_per_hour)
    }
}

/// The server's address, in parts.
pub(crate) fn server_uri(text: &str) -> Result<http::Uri, ConfigError> {
    let refuse = || ConfigError::Server(text.chars().take(120).collect());
    let uri: http::Uri = text.trim_end_matches('/').parse().map_err(|_| refuse())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    let bare = uri.path() == "/" && uri.query().is_none() && !text.contains('@');
    if known && bare { Ok(uri) } else { Err(refuse()) }
}

/// Parses dollars an hour into micro-USD.
pub(crate) fn price(text: &str) -> Result<u64, ConfigError> {
    let refuse = || ConfigError::Price(text.chars().take(40).collect());
    let number = text.trim().trim_start_matches('$');
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(refuse());
    }
    let whole: u64 = whole.parse().map_err(|_| refuse())?;
    let micros: u64 = format!("{part:0<6}").parse().map_err(|_| refuse())?;
    let price =
        whole.checked_mul(1_000_000).and_then(|whole| whole.checked_add(micros)).ok_or_else(refuse)?;
    if (1..=1_000_000_000).contains(&price) { Ok(price) } else { Err(refuse()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALLET: &str = "9vMJfxuKxXBoEa7rM12mYLMwTacLMLDJqHozw96WQL8i";

    fn config() -> Config {
        Config::new("box".to_owned(), WALLET.to_owned())
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let config = Config { memory_mib: Some(2048), paused: true, ..config() };
        config.save(&path).unwrap();
        assert_eq!(Config::load(&path).unwrap(), config);
        fs::write(&path, format!("name = 'box'\npayout_wallet = '{WALLET}'\n")).unwrap();
        assert_eq!(Config::load(&path).unwrap(), super::Config::new("box".to_owned(), WALLET.to_owned()));
        fs::write(&path, "nmae = 'x'").unwrap();
        assert!(matches!(Config::load(&path), Err(ConfigError::Form { .. })));
    }

    #[test]
    fn mistakes_name_the_mend() {
        let say = |change: fn(&mut Config)| {
            let mut config = config();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(say(|config| config.server = "localhost:80".to_owned()).contains("write http://HOST:PORT"));
        assert!(say(|config| config.server = "http://h/path".to_owned()).contains("write http://HOST:PORT"));
        assert!(say(|config| config.payout_wallet.clear()).contains("--wallet"));
        assert!(say(|config| config.payout_wallet = "0x12".to_owned()).contains("no Solana address"));
        assert!(say(|config| config.cpu_slots = 65).contains("1 to 64"));
        assert!(say(|config| config.name = "\u{1b}[31m".to_owned()).contains("control character"));
    }

    #[test]
    fn a_pause_shuts_whatever_was_chosen() {
        assert_eq!(config().availability().unwrap(), Availability::On);
        assert_eq!(Config { paused: true, ..config() }.availability().unwrap(), Availability::Off);
    }

    #[test]
    fn prices_are_dollars() {
        assert_eq!(price("0.80").unwrap(), 800_000);
        assert_eq!(price("$2").unwrap(), 2_000_000);
        assert_eq!(price("0.000001").unwrap(), 1);
        for text in ["", ".5", "1.", "0", "0.0000001", "-1", "1e3", "1001", "99999999999999999999"] {
            assert!(price(text).is_err(), "{text}");
        }
    }
}
