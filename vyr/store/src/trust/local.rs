use std::{fs, io, path::Path};

use vyr_model::{Digest, SecretKey};

use super::{TrustStore, Validity, folder::key_error};
use crate::{StoreError, files};

/// The name under which a user's own key stands in the trust folder.
pub const LOCAL_KEY_NAME: &str = "local";

const MAX_KEY_FILE: usize = 16 * 1024;

/// The key that signs where no other is named.
#[derive(Debug)]
pub struct LocalKey {
    /// The private key.
    pub secret: SecretKey,
    /// Whether this call made it: worth a line to the user.
    pub created: bool,
}

/// Reads a private key, in PKCS #8 PEM, that nobody but its owner can read.
///
/// # Errors
/// When there is none, it is something else, or others could read it.
pub fn load_secret_key(path: &Path) -> Result<SecretKey, StoreError> {
    let real = fs::canonicalize(path).map_err(StoreError::io("open", path))?;
    files::check_owned(&real, true)?;
    let bytes = files::read_small(&real, MAX_KEY_FILE)?.unwrap_or_default();
    SecretKey::from_pem(&String::from_utf8_lossy(&bytes)).map_err(key_error(path))
}

/// Makes a private key in a new file of mode 0600; one that is there is never overwritten.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub fn create_secret_key(path: &Path) -> Result<SecretKey, StoreError> {
    let mut seed = [0; 32];
    files::fill_random(&mut seed)?;
    let secret = SecretKey::from_seed(&seed);
    let pem = secret.to_pem().map_err(key_error(path))?;
    // written whole beside its place, then linked: no reader sees a part, no key is overwritten
    let temp = path.with_file_name(format!(".{}", files::random_name()?));
    let linked = files::write_new(&temp, pem.as_bytes())
        .and_then(|()| fs::hard_link(&temp, path).map_err(StoreError::io("create", path)));
    files::remove(&temp)?;
    linked?;
    files::sync_parent(path)?;
    Ok(secret)
}

impl TrustStore {
    /// Returns this user's own key at `path`, making it on first use. It is trusted in this folder, hence
    /// by this user's nodes alone; once revoked it stays so. Where its file was lost, the next key has a longer name.
    ///
    /// # Errors
    /// When the key cannot be read or made, or the trust folder cannot be written.
    pub fn local_key(&self, path: &Path) -> Result<LocalKey, StoreError> {
        let (secret, created) = match load_secret_key(path) {
            Ok(secret) => (secret, false),
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                if let Some(parent) = path.parent() {
                    files::make_dir(parent)?;
                }
                match create_secret_key(path) {
                    // another process was first
                    Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                        (load_secret_key(path)?, false)
                    }
                    made => (made?, true),
                }
            }
            Err(error) => return Err(error),
        };
        let public = secret.public();
        let known = self.list()?;
        if !known.iter().any(|info| info.key == Some(public)) {
            // a key file that was lost leaves its name behind: what it signed stays trusted
            let name = match known.iter().any(|info| info.name == LOCAL_KEY_NAME) {
                true => {
                    let hex = Digest::of(public.as_bytes()).to_hex();
                    format!("{LOCAL_KEY_NAME}-{}", hex.get(..8).unwrap_or_default())
                }
                false => LOCAL_KEY_NAME.to_owned(),
            };
            let pem = public.to_pem().map_err(key_error(path))?;
            self.trust_key(&name, &pem, Validity::default())?;
        }
        Ok(LocalKey { secret, created })
    }
}
