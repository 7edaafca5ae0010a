use std::{ops::Deref, sync::Arc, time::SystemTime};

use vyr_model::{Digest, MAX_MANIFEST_BYTES, Manifest};

use super::{Store, signatures};
use crate::{Signer, StoreError, TrustPolicy, Untrusted};

/// An artifact as it lies in the store: its manifest has the digest, whoever signed it.
#[derive(Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The SHA-256 of the manifest's exact bytes.
    pub digest: Digest,
    /// What the manifest says.
    pub manifest: Manifest,
    /// The manifest's exact bytes.
    pub bytes: Vec<u8>,
    /// Whose signature it has.
    pub trust: Trust,
}

/// Whether a trusted key signed an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// This key did, and counted when we looked.
    Trusted(Signer),
    /// None did, for this reason.
    Untrusted(Untrusted),
    /// The policy is [`TrustPolicy::Off`].
    NotChecked,
}

/// An artifact that the policy lets run. Only [`Store::verify_manifest`] makes one. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedArtifact(Arc<Artifact>);

impl Trust {
    /// Returns the trusted signer.
    pub fn signer(&self) -> Option<&Signer> {
        match self {
            Self::Trusted(signer) => Some(signer),
            Self::Untrusted(_) | Self::NotChecked => None,
        }
    }
}

impl Deref for VerifiedArtifact {
    type Target = Artifact;

    fn deref(&self) -> &Artifact {
        &self.0
    }
}

/// A manifest whose bytes are those that its digest names; nobody has asked yet who signed it.
#[derive(Debug)]
pub struct ReadManifest {
    digest: Digest,
    manifest: Manifest,
    bytes: Vec<u8>,
}

impl Store {
    /// Reads an artifact and tells whether it is trusted, whatever the policy.
    ///
    /// # Errors
    /// When it is missing, corrupt, or not a manifest that is accepted.
    pub fn inspect(&self, digest: &Digest, now: SystemTime) -> Result<Artifact, StoreError> {
        let ReadManifest { digest, manifest, bytes } = self.read_manifest(digest)?;
        let trust = self.judge(&digest, &bytes, now)?;
        Ok(Artifact { digest, manifest, bytes, trust })
    }

    /// Reads a manifest and checks its digest: the first half of [`Store::load_manifest`].
    ///
    /// # Errors
    /// When it is missing or was removed, is corrupt, or not a manifest that is accepted.
    pub fn read_manifest(&self, digest: &Digest) -> Result<ReadManifest, StoreError> {
        if !self.is_listed(digest) {
            return Err(StoreError::ArtifactMissing(*digest));
        }
        let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
        let bytes = self.read_blob(digest, limit).map_err(|error| match error {
            StoreError::BlobMissing(digest) => StoreError::ArtifactMissing(digest),
            other => other,
        })?;
        let manifest =
            Manifest::parse(&bytes).map_err(|source| StoreError::Manifest { digest: *digest, source })?;
        Ok(ReadManifest { digest: *digest, manifest, bytes })
    }

    fn judge(&self, digest: &Digest, bytes: &[u8], now: SystemTime) -> Result<Trust, StoreError> {
        if self.0.options.policy == TrustPolicy::Off {
            return Ok(Trust::NotChecked);
        }
        let Some(record) = signatures::read(&self.0.layout, digest)? else {
            return Ok(Trust::Untrusted(Untrusted::Unsigned));
        };
        let verdict = self.trust().verify(bytes, &record.signature, record.made_by.as_ref(), now)?;
        Ok(verdict.map_or_else(Trust::Untrusted, Trust::Trusted))
    }

    /// Loads an artifact to run it: reads it, checks digest and manifest, verifies the signature, and
    /// applies the policy at `now`.
    ///
    /// # Errors
    /// As [`Store::inspect`], and [`StoreError::Untrusted`] where the policy is [`TrustPolicy::Require`].
    pub fn load_manifest(&self, digest: &Digest, now: SystemTime) -> Result<VerifiedArtifact, StoreError> {
        self.verify_manifest(self.read_manifest(digest)?, now)
    }

    /// Verifies the signature of a manifest and applies the policy at `now`: the second half.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`] where the policy is [`TrustPolicy::Require`].
    pub fn verify_manifest(
        &self,
        read: ReadManifest,
        now: SystemTime,
    ) -> Result<VerifiedArtifact, StoreError> {
        let ReadManifest { digest, manifest, bytes } = read;
        let trust = self.judge(&digest, &bytes, now)?;
        let artifact = Artifact { digest, manifest, bytes, trust };
        if let Trust::Untrusted(why) = &artifact.trust {
            if self.0.options.policy == TrustPolicy::Require {
                return Err(StoreError::Untrusted { digest, source: why.clone() });
            }
            tracing::warn!(artifact.digest = %digest, reason = %why, "an untrusted artifact is loaded");
        }
        Ok(VerifiedArtifact(Arc::new(artifact)))
    }

    /// Decides whether an artifact loaded before may still run: is its signer's key still trusted, and
    /// valid at `now`? Costs a few microseconds. After a refusal [`Store::load_manifest`] may still
    /// accept the artifact, when it was put again with another signature.
    ///
    /// # Errors
    /// [`StoreError::Untrusted`], or when the trust folder cannot be read.
    pub fn check_trust(&self, artifact: &VerifiedArtifact, now: SystemTime) -> Result<(), StoreError> {
        let refuse = |source| Err(StoreError::Untrusted { digest: artifact.digest, source });
        match (&artifact.trust, self.0.options.policy) {
            (_, TrustPolicy::Off) => Ok(()),
            (Trust::Trusted(signer), policy) => match self.trust().check_key(&signer.key, now)? {
                Err(why) if policy == TrustPolicy::Require => refuse(why),
                _ => Ok(()),
            },
            (_, TrustPolicy::Warn) => Ok(()),
            (Trust::Untrusted(why), TrustPolicy::Require) => refuse(why.clone()),
            // loaded from a store with another policy
            (Trust::NotChecked, TrustPolicy::Require) => refuse(Untrusted::Unsigned),
        }
    }

    /// Reads the program. The buffer returned is the very one that was hashed.
    ///
    /// # Errors
    /// When it is missing or corrupt, or the artifact is a container image.
    pub fn read_content(&self, artifact: &VerifiedArtifact) -> Result<Vec<u8>, StoreError> {
        let manifest = &artifact.manifest;
        let content = manifest
            .content()
            .ok_or(StoreError::NoContent { digest: artifact.digest, kind: manifest.kind })?;
        let bytes = self.read_blob(&content.digest, self.0.options.max_blob_bytes)?;
        manifest
            .check_content(&bytes)
            .map_err(|source| StoreError::Manifest { digest: artifact.digest, source })?;
        Ok(bytes)
    }
}
