use std::io;
use std::path::PathBuf;

use cyxwiz_chain::NetworkError;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("`{}` is no configuration", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A setting is wrong.
    #[error("--{setting}: {message}")]
    Setting {
        /// Its flag's name.
        setting: &'static str,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// No such network.
    #[error("the chain cannot be named so")]
    Network(#[from] NetworkError),
}

impl ConfigError {
    /// Says what is wrong with a setting.
    pub(super) fn setting(setting: &'static str, message: impl ToString) -> Self {
        Self::Setting { setting, message: message.to_string() }
    }
}
