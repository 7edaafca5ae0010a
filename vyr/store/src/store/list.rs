use std::time::SystemTime;

use vyr_model::Digest;

use super::{Artifact, Index, Store};
use crate::{StoreError, files, lock::LockMode};

/// One line of a listing.
#[derive(Debug)]
pub struct ListedArtifact {
    /// The artifact's digest.
    pub digest: Digest,
    /// The name under which other tools find it: `oci:DIR:<reference>`.
    pub reference: Option<String>,
    /// The artifact, or why it cannot be read.
    pub artifact: Result<Artifact, StoreError>,
}

impl Store {
    /// Lists the artifacts in the order in which they were put, untrusted and damaged ones included.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn list(&self, now: SystemTime) -> Result<Vec<ListedArtifact>, StoreError> {
        let index = Index::read(&self.0.layout)?;
        let listed = |entry: &super::index::Entry| ListedArtifact {
            digest: entry.digest,
            reference: entry.reference().cloned(),
            artifact: self.inspect(&entry.digest, now),
        };
        Ok(index.artifacts().map(listed).collect())
    }

    /// Finds the one artifact whose digest begins with `prefix`, with or without `sha256:`.
    ///
    /// # Errors
    /// When the text is no prefix, or none or several artifacts begin with it.
    pub fn resolve(&self, prefix: &str) -> Result<Digest, StoreError> {
        let hex = prefix.strip_prefix("sha256:").unwrap_or(prefix);
        let is_hex = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !is_hex || !(4..=64).contains(&hex.len()) {
            return Err(StoreError::Prefix(prefix.chars().take(80).collect()));
        }
        // a whole digest needs no search
        if let Ok(digest) = format!("sha256:{hex}").parse() {
            return if self.is_listed(&digest) {
                Ok(digest)
            } else {
                Err(StoreError::ArtifactMissing(digest))
            };
        }
        let index = Index::read(&self.0.layout)?;
        let mut found: Vec<_> = index
            .artifacts()
            .map(|entry| entry.digest)
            .filter(|digest| digest.to_hex().starts_with(hex))
            .collect();
        found.sort_unstable();
        found.dedup();
        match found.as_slice() {
            [] => Err(StoreError::PrefixUnknown(prefix.to_owned())),
            [digest] => Ok(*digest),
            several => Err(StoreError::PrefixAmbiguous { prefix: prefix.to_owned(), count: several.len() }),
        }
    }

    /// Takes an artifact out of the list, with its signature. Its blobs go with the next [`Store::gc`].
    ///
    /// # Errors
    /// [`StoreError::ArtifactMissing`], or when the index cannot be written.
    pub fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let temp = self.0.temp.path()?;
        let _lock = self.lock(LockMode::Exclusive)?;
        let layout = &self.0.layout;
        let mut index = Index::read(layout)?;
        let listed = index.remove(digest);
        if listed {
            files::replace(&layout.index(), &temp, &index.to_bytes())?;
        }
        let signed = files::remove(&layout.signature(digest))?;
        if listed || signed { Ok(()) } else { Err(StoreError::ArtifactMissing(*digest)) }
    }
}
