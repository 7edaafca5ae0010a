//! Keypair files as `solana-keygen` writes them: a JSON array of the 64 bytes of secret and public key.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use solana_keypair::Keypair;
use solana_signer::Signer as _;

/// A keypair file is about 230 bytes; more than this is something else.
const MAX_FILE: u64 = 4096;

/// Why a keypair file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Nothing there.
    #[error("no keypair at `{}`", .0.display())]
    Missing(PathBuf),
    /// There, but not to be read or written.
    #[error("failed to open keypair `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not what `solana-keygen` writes, or a secret that does not go with its public key.
    #[error("`{}` is no keypair file as solana-keygen writes it", .0.display())]
    Malformed(PathBuf),
    /// A new one may not replace one that is there.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
}

/// Reads a keypair file.
///
/// # Errors
/// No file, no access, or not a keypair.
pub fn read_keypair(path: &Path) -> Result<Keypair, KeyError> {
    let io = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyError::Missing(path.to_owned()),
        _ => KeyError::Io { path: path.to_owned(), source },
    };
    let malformed = || KeyError::Malformed(path.to_owned());
    if fs::metadata(path).map_err(io)?.len() > MAX_FILE {
        return Err(malformed());
    }
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => malformed(),
        _ => io(source),
    })?;
    let bytes: Vec<u8> = serde_json::from_str(&text).map_err(|_| malformed())?;
    Keypair::try_from(bytes.as_slice()).map_err(|_| malformed())
}

/// Makes a new keypair and writes it where nothing was, for its owner's eyes only.
///
/// # Errors
/// A file that is there; a folder that cannot be written to.
pub fn create_keypair(path: &Path) -> Result<Keypair, KeyError> {
    let keypair = Keypair::new();
    write_keypair(path, &keypair)?;
    tracing::debug!(address = %keypair.pubkey(), "keypair created");
    Ok(keypair)
}

/// Writes whole or not at all: to a file beside it first, and on the disk before anybody relies on it.
fn write_keypair(path: &Path, keypair: &Keypair) -> Result<(), KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(io)?;
    // a named temporary file is made with mode 0600
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(io)?;
    let text = serde_json::to_string(&keypair.to_bytes().as_slice()).map_err(|error| io(error.into()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(KeyError::Exists(path.to_owned()))
        }
        Err(error) => Err(io(error.error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_created_is_read_again_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/id.json");
        let made = create_keypair(&path).unwrap();
        assert_eq!(read_keypair(&path).unwrap().pubkey(), made.pubkey());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(matches!(create_keypair(&path), Err(KeyError::Exists(_))));
        assert_eq!(read_keypair(&path).unwrap().pubkey(), made.pubkey());
    }

    #[test]
    fn what_is_no_keypair_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id.json");
        assert!(matches!(read_keypair(&path), Err(KeyError::Missing(_))));
        let good = Keypair::new().to_bytes();
        let mut swapped = good.to_vec();
        swapped[40] ^= 1;
        let texts = [
            "".to_owned(),
            "[]".to_owned(),
            "[1,2,3]".to_owned(),
            "{}".to_owned(),
            serde_json::to_string(&good[..63]).unwrap(),
            serde_json::to_string(&swapped).unwrap(),
            "1".repeat(5000),
        ];
        for text in texts {
            fs::write(&path, &text).unwrap();
            assert!(matches!(read_keypair(&path), Err(KeyError::Malformed(_))), "{text}");
        }
    }
}
