//! The node's own key: who it is to the market. Not the wallet that is paid.

use std::path::Path;

use vyr_model::SecretKey;
use vyr_store::StoreError;

use crate::error::CliError;

/// An Ed25519 key in a file that its owner alone reads.
pub(crate) struct Identity(SecretKey);

impl Identity {
    /// Reads the key.
    pub(crate) fn load(path: &Path) -> Result<Self, CliError> {
        if !path.exists() {
            return Err(CliError::NotInstalled(path.to_owned()));
        }
        Ok(Self(vyr_store::load_secret_key(path)?))
    }

    /// Reads the key, or makes one.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, StoreError> {
        let key =
            if path.exists() { vyr_store::load_secret_key(path) } else { vyr_store::create_secret_key(path) };
        Ok(Self(key?))
    }

    /// The public key, base58.
    pub(crate) fn address(&self) -> String {
        bs58::encode(self.0.public().as_bytes()).into_string()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        *self.0.sign(message).as_bytes()
    }
}

/// Tells whether `text` is an address: 32 bytes, base58.
pub(crate) fn is_address(text: &str) -> bool {
    let mut bytes = [0_u8; 32];
    bs58::decode(text).onto(&mut bytes).is_ok_and(|length| length == 32)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.pem");
        assert!(matches!(Identity::load(&path), Err(CliError::NotInstalled(_))));
        let made = Identity::load_or_create(&path).unwrap().address();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Identity::load_or_create(&path).unwrap().address(), made);
        assert!(is_address(&made));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Identity::load(&path).is_err());
    }

    #[test]
    fn addresses_have_32_bytes() {
        for text in ["", "0OIl", "abc", "9vMJfxuKxXBoEa7rM12mYLMwTacLMLDJqHozw96WQL8i9vMJ"] {
            assert!(!is_address(text), "{text}");
        }
        assert!(is_address("9vMJfxuKxXBoEa7rM12mYLMwTacLMLDJqHozw96WQL8i"));
    }
}
