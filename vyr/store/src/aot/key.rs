use std::{fs, path::Path};

use crate::{StoreError, aot::evict, files};

/// The key of this folder's MACs.
pub(super) struct MacKey([u8; blake3::KEY_LEN]);

const NAME: &str = "mac.key";

impl MacKey {
    /// Reads the key, or makes one; the caller holds the folder's lock.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        match files::read_small(&path, 1024)?.map(<[u8; blake3::KEY_LEN]>::try_from) {
            Some(Ok(key)) => {
                files::check_owned(&path, true)?;
                Ok(Self(key))
            }
            found => {
                if found.is_some() {
                    tracing::warn!(path = %path.display(), "the cache's key is damaged: the cache starts anew");
                }
                // nothing that is here can be authenticated any more
                evict::clear(dir)?;
                let mut key = [0; blake3::KEY_LEN];
                files::fill_random(&mut key)?;
                files::replace(&path, &dir.join(evict::temporary_name()?), &key)?;
                Ok(Self(key))
            }
        }
    }

    pub(super) fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.0)
    }
}

impl Drop for MacKey {
    fn drop(&mut self) {
        self.0 = [0; blake3::KEY_LEN];
        std::hint::black_box(&self.0);
    }
}

/// Tells whether a file of the folder is one of ours that is not code.
pub(super) fn is_own_file(name: &fs::DirEntry) -> bool {
    ["lock", "lock.gate", NAME].iter().any(|own| name.file_name() == *own)
}
