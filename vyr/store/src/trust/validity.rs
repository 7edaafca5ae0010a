use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vyr_model::PublicKey;

/// When a key counts. The default: always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// Signatures do not count before this time.
    pub not_before: Option<SystemTime>,
    /// Signatures do not count from this time on.
    pub not_after: Option<SystemTime>,
    /// Signatures do not count at all any more.
    pub revoked: bool,
}

/// The trusted key that made a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The key's name in the trust folder.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// There is none.
    #[error("it has no signature: sign it with a trusted key")]
    Unsigned,
    /// No key of the trust folder made it.
    #[error("no trusted key made its signature: trust the key that did, or sign it with a trusted one")]
    UnknownKey,
    /// It was made for other bytes.
    #[error(
        "its signature by key `{0}` was made for other bytes: put the artifact again with its own signature"
    )]
    BadSignature(String),
    /// The key was revoked.
    #[error("key `{0}` is revoked: sign the artifact with another key")]
    Revoked(String),
    /// The key counts no more.
    #[error("key `{name}` expired at {at}: sign the artifact with another key, or prolong this one")]
    Expired {
        /// The key.
        name: String,
        /// Its `not_after`.
        at: String,
    },
    /// The key does not count yet.
    #[error("key `{name}` is not valid before {at}: wait, or check this machine's clock")]
    NotYetValid {
        /// The key.
        name: String,
        /// Its `not_before`.
        at: String,
    },
    /// The key's files cannot be read as they should be.
    #[error("key `{name}` is not usable ({problem}): correct its files in the trust folder")]
    Broken {
        /// The key.
        name: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl Validity {
    /// Decides whether the key `name` counts at `now`.
    pub(super) fn judge(&self, name: &str, now: SystemTime) -> Result<(), Untrusted> {
        let name = || name.to_owned();
        match self {
            Self { revoked: true, .. } => Err(Untrusted::Revoked(name())),
            Self { not_before: Some(at), .. } if now < *at => {
                Err(Untrusted::NotYetValid { name: name(), at: show(*at) })
            }
            Self { not_after: Some(at), .. } if now >= *at => {
                Err(Untrusted::Expired { name: name(), at: show(*at) })
            }
            _ => Ok(()),
        }
    }

    /// Reads the text of a `<name>.toml`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: ValidityFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let time = |text: Option<String>| {
            let parse = |text: String| {
                let time = text.parse::<Timestamp>().map(SystemTime::from);
                time.map_err(|_| format!("`{text}` is no time: write it as `2030-01-31T00:00:00Z`"))
            };
            text.map(parse).transpose()
        };
        let validity = Self {
            not_before: time(file.not_before)?,
            not_after: time(file.not_after)?,
            revoked: file.revoked,
        };
        match (validity.not_before, validity.not_after) {
            (Some(from), Some(to)) if from >= to => Err("not_after is not later than not_before".to_owned()),
            _ => Ok(validity),
        }
    }

    /// Writes the text of a `<name>.toml`.
    pub(super) fn to_toml(self) -> Result<String, String> {
        let file = ValidityFile {
            not_before: self.not_before.map(show),
            not_after: self.not_after.map(show),
            revoked: self.revoked,
        };
        let text = toml::to_string(&file).map_err(|error| error.to_string())?;
        // what is written must read back: a key whose bounds are not readable counts for nothing
        Self::parse(&text).map(|_| text)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidityFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(default)]
    revoked: bool,
}

fn show(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "a time out of range".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn counts_from_not_before_until_just_before_not_after() {
        let validity = Validity { not_before: Some(at(10)), not_after: Some(at(20)), revoked: false };
        assert!(matches!(validity.judge("k", at(9)), Err(Untrusted::NotYetValid { .. })));
        assert_eq!(validity.judge("k", at(10)), Ok(()));
        assert_eq!(validity.judge("k", at(19)), Ok(()));
        assert!(matches!(validity.judge("k", at(20)), Err(Untrusted::Expired { .. })));
        assert!(matches!(
            Validity { revoked: true, ..validity }.judge("k", at(15)),
            Err(Untrusted::Revoked(_))
        ));
    }

    #[test]
    fn the_file_reads_back_and_a_slip_in_it_is_an_error() {
        let validity = Validity { not_before: Some(at(10)), not_after: Some(at(20)), revoked: true };
        assert_eq!(Validity::parse(&validity.to_toml().unwrap()), Ok(validity));
        assert_eq!(Validity::parse(""), Ok(Validity::default()));
        for text in ["revokd = true", "revoked = 1", "not_after = \"soon\"", "not_before"] {
            assert!(Validity::parse(text).is_err(), "{text}");
        }
        assert!(
            Validity { not_before: Some(at(5)), not_after: Some(at(5)), revoked: false }.to_toml().is_err()
        );
    }
}
