//! Signatures lie beside the layout, one file an artifact, named by the manifest's digest: the 64 bytes of
//! the signature, then, where it is known, the 32 of the public key that made it. The key is a hint that
//! saves trying each trusted key; it is looked up among them, never taken from here.

use std::fs;

use vyr_model::{Digest, PublicKey, Signature};

use super::layout::{Layout, digest_of_name};
use crate::{StoreError, files};

const MAX_BYTES: usize = Signature::LEN + PublicKey::LEN;

/// What lies beside an artifact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) signature: Signature,
    pub(super) made_by: Option<PublicKey>,
}

impl Record {
    /// Reads a record; what has a wrong length, or no key where one should be, is none.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (signature, key) = bytes.split_at_checked(Signature::LEN)?;
        let signature = Signature::from_slice(signature).ok()?;
        let made_by = match key {
            [] => None,
            key => Some(PublicKey::from_bytes(key.try_into().ok()?).ok()?),
        };
        Some(Self { signature, made_by })
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let key = self.made_by.as_ref().map(|key| key.as_bytes().as_slice()).unwrap_or_default();
        [self.signature.as_bytes().as_slice(), key].concat()
    }
}

/// Reads an artifact's signature.
pub(super) fn read(layout: &Layout, manifest: &Digest) -> Result<Option<Record>, StoreError> {
    match files::read_small(&layout.signature(manifest), MAX_BYTES)? {
        Some(bytes) => Ok(Record::parse(&bytes)),
        None => Ok(None),
    }
}

/// Returns the digests of all artifacts that have one.
pub(super) fn all(layout: &Layout) -> Result<Vec<Digest>, StoreError> {
    let dir = layout.signatures();
    let mut digests = Vec::new();
    for entry in fs::read_dir(&dir).map_err(StoreError::io("read folder", &dir))? {
        let name = entry.map_err(StoreError::io("read folder", &dir))?.file_name();
        digests.extend(digest_of_name(&name));
    }
    digests.sort_unstable();
    Ok(digests)
}
