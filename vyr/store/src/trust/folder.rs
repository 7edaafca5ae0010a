use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use vyr_model::{KeyError, PublicKey, Signature};

use super::{
    Signer, Untrusted, Validity,
    snapshot::{Snapshot, is_key_name},
};
use crate::{
    StoreError, files,
    lock::{FileLock, LockMode},
};

/// A folder of public keys. Each question looks whether the folder changed since the last.
pub struct TrustStore {
    dir: PathBuf,
    snapshot: RwLock<Arc<Snapshot>>,
}

/// One key of the trust folder, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key's name.
    pub name: String,
    /// The key; `None` when its file holds none.
    pub key: Option<PublicKey>,
    /// When it counts, or what is wrong with its files.
    pub validity: Result<Validity, String>,
}

// two files are written under it
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

impl TrustStore {
    /// Opens the folder, making an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or somebody else could change it.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        files::make_dir(&dir)?;
        let snapshot = RwLock::new(Arc::new(Snapshot::load(&dir)?));
        Ok(Self { dir, snapshot })
    }

    /// Returns the folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the folder's present content, as far as it bears on `key`.
    fn current(&self, key: Option<&PublicKey>) -> Result<Arc<Snapshot>, StoreError> {
        let seen = Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner));
        if seen.is_fresh(&self.dir, key) {
            return Ok(seen);
        }
        let loaded = Arc::new(Snapshot::load(&self.dir)?);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&loaded);
        Ok(loaded)
    }

    /// Verifies that a trusted key, valid at `now`, made `signature` over exactly `manifest`. `made_by` is
    /// the key that is said to have made it; without it each trusted key is tried.
    ///
    /// # Errors
    /// When the folder cannot be read; the inner error says why the signature does not count.
    pub fn verify(
        &self,
        manifest: &[u8],
        signature: &Signature,
        made_by: Option<&PublicKey>,
        now: SystemTime,
    ) -> Result<Result<Signer, Untrusted>, StoreError> {
        Ok(self.current(made_by)?.judge(manifest, signature, made_by, now))
    }

    /// Decides whether `key` counts at `now`. Costs a few microseconds.
    ///
    /// # Errors
    /// When the folder cannot be read; the inner error says why the key does not count.
    pub fn check_key(
        &self,
        key: &PublicKey,
        now: SystemTime,
    ) -> Result<Result<Signer, Untrusted>, StoreError> {
        Ok(self.current(Some(key))?.judge_key(key, now))
    }

    /// Trusts a public key, given in SPKI PEM, under `name`. The same key again changes its validity.
    ///
    /// # Errors
    /// When the name cannot be one or is another key's, or the PEM holds no usable public key.
    pub fn trust_key(&self, name: &str, pem: &str, validity: Validity) -> Result<PublicKey, StoreError> {
        let path = self.file(name, "pem")?;
        let refuse = |source| StoreError::Key { path: path.clone(), source };
        let key = PublicKey::from_pem(pem).map_err(refuse)?;
        let _lock = FileLock::acquire(&self.dir.join(".lock"), LockMode::Exclusive, LOCK_TIMEOUT)?;
        let loaded = Snapshot::load(&self.dir)?;
        let taken = loaded.entries.iter().find(|entry| entry.name == name);
        if taken.is_some_and(|entry| entry.key != Some(key)) {
            return Err(StoreError::KeyTaken(name.to_owned()));
        }
        // the bounds first: at no moment does the key count without them
        self.write_validity(name, validity)?;
        if taken.is_none() {
            let pem = key.to_pem().map_err(refuse)?;
            files::replace(&path, &self.temp()?, pem.as_bytes())?;
        }
        Ok(key)
    }

    /// Revokes the key `name`: from the next put and the next submit on it does not count.
    ///
    /// # Errors
    /// When no key has that name.
    pub fn revoke(&self, name: &str) -> Result<(), StoreError> {
        self.file(name, "pem")?;
        let _lock = FileLock::acquire(&self.dir.join(".lock"), LockMode::Exclusive, LOCK_TIMEOUT)?;
        let loaded = Snapshot::load(&self.dir)?;
        let entry = loaded.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| StoreError::KeyUnknown(name.to_owned()))?;
        let known = entry.validity.clone().unwrap_or_default();
        self.write_validity(name, Validity { revoked: true, ..known })
    }

    /// Lists the keys by name, those whose files are damaged included.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<KeyInfo>, StoreError> {
        let snapshot = self.current(None)?;
        let info = |entry: &super::snapshot::Entry| KeyInfo {
            name: entry.name.clone(),
            key: entry.key,
            validity: entry.validity.clone(),
        };
        Ok(snapshot.entries.iter().map(info).collect())
    }

    fn file(&self, name: &str, end: &str) -> Result<PathBuf, StoreError> {
        if is_key_name(name) {
            Ok(self.dir.join(format!("{name}.{end}")))
        } else {
            Err(StoreError::KeyName(name.chars().take(80).collect()))
        }
    }

    fn temp(&self) -> Result<PathBuf, StoreError> {
        Ok(self.dir.join(format!(".{}", files::random_name()?)))
    }

    fn write_validity(&self, name: &str, validity: Validity) -> Result<(), StoreError> {
        let path = self.file(name, "toml")?;
        let text =
            validity.to_toml().map_err(|problem| StoreError::Validity { path: path.clone(), problem })?;
        files::replace(&path, &self.temp()?, text.as_bytes())
    }
}

impl std::fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Turns a key's own error into the store's, with the file that holds it.
pub(super) fn key_error(path: &Path) -> impl FnOnce(KeyError) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Key { path, source }
}
