use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Every setting as it is written: flag, environment variable, or line of the file. Unset ones have defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A TOML file with settings, named as the flags are with `_` for `-`
    #[arg(long, env = "CYXWIZ_CONFIG", value_name = "FILE", global = true)]
    #[serde(skip)]
    pub config: Option<String>,

    /// Folder for everything that the server keeps [default: ~/.local/share/cyxwiz-server]
    #[arg(long, env = "CYXWIZ_DATA", value_name = "FOLDER", global = true)]
    pub data: Option<String>,
    /// PostgreSQL to use [default: a private one in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// Connections to the database at most [default: 32]
    #[arg(long, env = "CYXWIZ_DATABASE_CONNECTIONS", value_name = "N", global = true)]
    pub database_connections: Option<u32>,
    /// Where files lie: a folder, or s3://BUCKET/PREFIX with the AWS_* variables [default: `objects` in the data folder]
    #[arg(long, env = "CYXWIZ_OBJECTS", value_name = "FOLDER|URL", global = true)]
    pub objects: Option<String>,
    /// Where backups lie [default: `backups` in the data folder]
    #[arg(long, env = "CYXWIZ_BACKUPS", value_name = "FOLDER", global = true)]
    pub backups: Option<String>,
    /// Hour of the day, UTC, of the daily backup; `off` for none [default: 3]
    #[arg(long, env = "CYXWIZ_BACKUP_HOUR", value_name = "HOUR", global = true)]
    pub backup_hour: Option<String>,
    /// Backups that are kept [default: 14]
    #[arg(long, env = "CYXWIZ_BACKUPS_KEPT", value_name = "N", global = true)]
    pub backups_kept: Option<u32>,

    /// Where buyers and nodes call [default: 127.0.0.1:8420]
    #[arg(long, env = "CYXWIZ_LISTEN", value_name = "ADDRESS", global = true)]
    pub listen: Option<String>,
    /// Where metrics and health are read [default: 127.0.0.1:8421]
    #[arg(long, env = "CYXWIZ_ADMIN_LISTEN", value_name = "ADDRESS", global = true)]
    pub admin_listen: Option<String>,
    /// Certificate chain, PEM
    #[arg(long, env = "CYXWIZ_TLS_CERT", value_name = "FILE", global = true)]
    pub tls_cert: Option<String>,
    /// Its key, PEM
    #[arg(long, env = "CYXWIZ_TLS_KEY", value_name = "FILE", global = true)]
    pub tls_key: Option<String>,
    /// Listen without TLS where others can reach it: for private networks and behind a proxy
    #[arg(long, env = "CYXWIZ_INSECURE_PLAINTEXT", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", global = true)]
    pub insecure_plaintext: Option<bool>,
    /// Address that callers use, as they see it [default: http(s)://LISTEN]
    #[arg(long, env = "CYXWIZ_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,
    /// Name that wallets are shown when they sign in [default: host and port of the public URL]
    #[arg(long, env = "CYXWIZ_DOMAIN", value_name = "NAME", global = true)]
    pub domain: Option<String>,
    /// Take callers' addresses from `X-Forwarded-For`, as a proxy in front sets it
    #[arg(long, env = "CYXWIZ_BEHIND_PROXY", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", global = true)]
    pub behind_proxy: Option<bool>,
    /// Seconds that calls may take when the server stops [default: 20]
    #[arg(long, env = "CYXWIZ_DRAIN_SECONDS", value_name = "SECONDS", global = true)]
    pub drain_seconds: Option<u64>,

    /// OpenTelemetry collector for spans, http(s)://HOST:PORT [default: OTEL_EXPORTER_OTLP_ENDPOINT, else none]
    #[arg(long, env = "CYXWIZ_OTLP_ENDPOINT", value_name = "URL", global = true)]
    pub otlp_endpoint: Option<String>,

    /// localnet, devnet or mainnet [default: localnet]
    #[arg(long, env = "CYXWIZ_CLUSTER", value_name = "CLUSTER", global = true)]
    pub cluster: Option<String>,
    /// The chain's JSON-RPC [default: the cluster's]
    #[arg(long, env = "CYXWIZ_RPC_URL", value_name = "URL", global = true)]
    pub rpc_url: Option<String>,
    /// The escrow program [default: the cluster's]
    #[arg(long, env = "CYXWIZ_PROGRAM", value_name = "ADDRESS", global = true)]
    pub program: Option<String>,
    /// Keypair that assigns and settles; without it no job is taken
    #[arg(long, env = "CYXWIZ_SETTLE_KEY", value_name = "FILE", global = true)]
    pub settle_key: Option<String>,
    /// Keypair of the program's admin, for `admin treasury` alone
    #[arg(long, env = "CYXWIZ_ADMIN_KEY", value_name = "FILE", global = true)]
    pub admin_key: Option<String>,

    /// Seconds in which a buyer may dispute a result before it is settled [default: 60]
    #[arg(long, env = "CYXWIZ_DISPUTE_WINDOW_SECONDS", value_name = "SECONDS", global = true)]
    pub dispute_window_seconds: Option<u64>,
    /// NAME=REFERENCE of an image that scripts may name; may be repeated [default: python, pytorch, pytorch-cuda as tags]
    #[arg(long = "image", env = "CYXWIZ_IMAGES", value_name = "NAME=REFERENCE", value_delimiter = ',', value_parser = image, global = true)]
    #[serde(skip)]
    pub image: Vec<(String, String)>,
    /// The same in the file.
    #[arg(skip)]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// Seconds of failed runs a wallet and day that are refunded [default: 3600]
    #[arg(long, env = "CYXWIZ_REFUNDED_COMPUTE_SECONDS", value_name = "SECONDS", global = true)]
    pub refunded_compute_seconds: Option<u64>,
    /// Most bytes of a job's inputs [default: 1 GiB]
    #[arg(long, env = "CYXWIZ_MAX_INPUT_BYTES", value_name = "BYTES", global = true)]
    pub max_input_bytes: Option<u64>,
    /// Most bytes of an attempt's outputs [default: 10 GiB]
    #[arg(long, env = "CYXWIZ_MAX_OUTPUT_BYTES", value_name = "BYTES", global = true)]
    pub max_output_bytes: Option<u64>,

    /// Seconds from one checkpoint of a script that is kept to the next [default: 45]
    #[arg(long, env = "CYXWIZ_CHECKPOINT_SECONDS", value_name = "SECONDS", global = true)]
    pub checkpoint_seconds: Option<u64>,

    /// Seconds between two benchmarks of an idle node, on average [default: 14400]
    #[arg(long, env = "CYXWIZ_CANARY_SECONDS", value_name = "SECONDS", global = true)]
    pub canary_seconds: Option<u64>,
    /// Successful deterministic jobs that the server runs again, percent, chosen by chance [default: 25]
    #[arg(long, env = "CYXWIZ_RECHECK_PERCENT", value_name = "PERCENT", global = true)]
    pub recheck_percent: Option<u32>,

    /// Calls a minute from one address, without a session [default: 120]
    #[arg(long, env = "CYXWIZ_CALLS_PER_ADDRESS", value_name = "N", global = true)]
    pub calls_per_address: Option<u32>,
    /// Calls a minute with one account or node [default: 1200]
    #[arg(long, env = "CYXWIZ_CALLS_PER_ACCOUNT", value_name = "N", global = true)]
    pub calls_per_account: Option<u32>,
}

fn image(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, reference)) if !name.is_empty() && !reference.is_empty() => {
            Ok((name.to_owned(), reference.to_owned()))
        }
        _ => Err("write NAME=REFERENCE, such as python=cyxwiz/python:1".to_owned()),
    }
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// No such file, or not one of settings.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// These settings, and those of `under` where these say nothing.
    ///
    /// # Errors
    /// None in practice: both are settings.
    pub fn over(self, under: Self) -> Result<Self, ConfigError> {
        let table = |settings: &Self| {
            toml::Table::try_from(settings).map_err(|error| ConfigError::setting("config", error))
        };
        let mut merged = table(&under)?;
        for (name, value) in table(&self)? {
            match (merged.get_mut(&name), value) {
                (Some(toml::Value::Table(under)), toml::Value::Table(over)) => under.extend(over),
                (_, value) => {
                    merged.insert(name, value);
                }
            }
        }
        let merged: Self = merged.try_into().map_err(|error| ConfigError::setting("config", error))?;
        Ok(Self { config: self.config, image: self.image, ..merged })
    }
}
