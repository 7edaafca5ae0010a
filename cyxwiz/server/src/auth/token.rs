use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::ServerError;

/// Random bytes in a token.
const BYTES: usize = 32;
/// What each token begins with, so that scanners of leaked secrets find it.
const PREFIX: &str = "cyx_";

/// A token as its holder shows it. Printed only where it is handed out.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// What is kept of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl Token {
    /// Makes one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn generate() -> Result<Self, ServerError> {
        Ok(Self(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random::<BYTES>()?))))
    }

    /// Hands it out.
    #[must_use]
    pub fn reveal(self) -> String {
        self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::of(&self.0)
    }
}

impl Secret {
    /// What is kept of a token that was shown. Tokens are random: a plain digest cannot be turned back.
    #[must_use]
    pub fn of(shown: &str) -> Self {
        Self(Sha256::digest(shown.as_bytes()).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ServerError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| ServerError::Said(format!("the system has no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_not_shown_by_accident() {
        let (one, two) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_ne!(one.secret(), two.secret());
        assert_eq!(format!("{one:?}"), "Token(…)");
        assert_eq!(one.secret(), Secret::of(&one.clone().reveal()));
    }
}
