//! Where pip finds what jobs require.

use std::str::FromStr;

use http::Uri;
use serde::{Deserialize, Serialize};

/// Times that pip tries again. Its own five take minutes where nothing answers, and a job waits.
const RETRIES: &str = "2";
/// Seconds of silence after which a try counts as failed: pip's own.
const TIMEOUT: &str = "15";

/// The address of a package index, such as `https://HOST/simple`. What a job installs can read it, so it holds no password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct PackageIndex(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum IndexError {
    #[error(
        "`{0}` is no package index: write https://HOST/simple, or http://HOST:PORT/simple for one of your own"
    )]
    Form(String),
    #[error("a package index with a password would be shown to every job: leave the password out")]
    Password,
}

impl PackageIndex {
    /// What pip is told by its environment, in which a job's own `requirements.txt` has the last word.
    pub(crate) fn environment(index: Option<&Self>) -> Vec<(String, String)> {
        let mut told = vec![("PIP_RETRIES", RETRIES.to_owned()), ("PIP_DEFAULT_TIMEOUT", TIMEOUT.to_owned())];
        if let Some(Self(url)) = index {
            told.push(("PIP_INDEX_URL", url.clone()));
            // the owner named it: pip refuses plain HTTP else
            let authority = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
            told.extend(authority.map(|authority| ("PIP_TRUSTED_HOST", authority.to_owned())));
        }
        told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl FromStr for PackageIndex {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || IndexError::Form(text.chars().take(120).collect());
        let uri: Uri = text.parse().map_err(|_| refuse())?;
        let authority = uri.authority().ok_or_else(refuse)?;
        if authority.as_str().contains('@') {
            return Err(IndexError::Password);
        }
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
            return Err(refuse());
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for PackageIndex {
    type Error = IndexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PackageIndex> for String {
    fn from(index: PackageIndex) -> Self {
        index.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_an_address_without_a_password() {
        for good in ["https://packages.example/simple", "http://10.0.0.1:3141/root/pypi/+simple/"] {
            assert!(good.parse::<PackageIndex>().is_ok(), "{good}");
        }
        for bad in ["", "packages.example", "ftp://x/simple", "/srv/wheels", "https://x/simple?a=b"] {
            assert!(matches!(bad.parse::<PackageIndex>(), Err(IndexError::Form(_))), "{bad}");
        }
        assert_eq!("https://me:secret@x/simple".parse::<PackageIndex>(), Err(IndexError::Password));
    }

    #[test]
    fn pip_trusts_a_plain_one_that_the_owner_named() {
        let told = |index: &str| PackageIndex::environment(Some(&index.parse().unwrap()));
        let has = |told: &[(String, String)], name: &str| {
            told.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
        };
        let plain = told("http://10.0.0.1:3141/simple");
        assert_eq!(has(&plain, "PIP_TRUSTED_HOST").as_deref(), Some("10.0.0.1:3141"));
        assert_eq!(has(&plain, "PIP_INDEX_URL").as_deref(), Some("http://10.0.0.1:3141/simple"));
        assert_eq!(has(&told("https://x/simple"), "PIP_TRUSTED_HOST"), None);
        assert_eq!(has(&PackageIndex::environment(None), "PIP_INDEX_URL"), None);
    }
}
