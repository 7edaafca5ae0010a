use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use subtle::ConstantTimeEq as _;

use crate::NodeError;

/// The bearer token that TCP callers show.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// Reads the token, or makes one: 32 random bytes in hex, in a file for its owner alone.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, NodeError> {
        let failed = |source: io::Error| NodeError::Home { path: path.to_owned(), source };
        match fs::metadata(path) {
            Ok(metadata) if metadata.mode() & 0o077 != 0 => {
                Err(NodeError::TokenMode { path: path.to_owned() })
            }
            Ok(_) => {
                let text = fs::read_to_string(path).map_err(failed)?.trim().to_owned();
                if text.len() < 32 {
                    return Err(NodeError::TokenShort { path: path.to_owned() });
                }
                Ok(Self(text))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(|error| failed(io::Error::other(error)))?;
                let text = hex::encode(bytes);
                let mut options = fs::OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
                file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
                Ok(Self(text))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Compares in constant time.
    pub(crate) fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let made = Token::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(Token::load_or_create(&path).unwrap().is(&made.0));
        assert!(!made.is("") && !made.is(&made.0[1..]));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Token::load_or_create(&path), Err(NodeError::TokenMode { .. })));
    }
}
