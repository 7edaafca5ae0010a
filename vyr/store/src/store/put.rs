use std::time::SystemTime;

use vyr_model::{Digest, MAX_MANIFEST_BYTES, Manifest, Signature};

use super::{BlobDurability, Index, Store, Trust, listed::Mark, signatures};
use crate::{StoreError, TrustPolicy, Untrusted, files, lock::LockMode};

/// What a put did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutOutcome {
    /// False when the store had the artifact before.
    pub created: bool,
    /// The digest of the program itself, what `sha256sum FILE` prints; `None` for a container image.
    pub content_digest: Option<Digest>,
    /// The name of the trusted key that made the signature; `None` when no trusted one did.
    pub signer: Option<String>,
    /// What the manifest says.
    pub manifest: Manifest,
}

impl Store {
    /// Puts an artifact whose blobs are in the store already. `signature` is empty or 64 bytes. When this
    /// returns, the artifact survives a power cut.
    ///
    /// # Errors
    /// When `digest` is not that of `manifest`, the manifest is not accepted, a blob is missing or differs,
    /// or the policy asks for a trusted signature and there is none. Nothing is changed then.
    pub fn put_artifact(
        &self,
        digest: &Digest,
        manifest: &[u8],
        signature: &[u8],
        now: SystemTime,
    ) -> Result<PutOutcome, StoreError> {
        let refuse = |source| StoreError::Manifest { digest: *digest, source };
        if manifest.len() > MAX_MANIFEST_BYTES {
            return Err(refuse(vyr_model::ManifestError::TooLarge(manifest.len())));
        }
        let actual = Digest::of(manifest);
        if actual != *digest {
            return Err(StoreError::DigestMismatch { expected: *digest, actual });
        }
        let parsed = Manifest::parse(manifest).map_err(refuse)?;
        let (record, trust) = self.check_signature(digest, manifest, signature, now)?;
        self.check_blobs(digest, &parsed)?;
        let created = self.store_artifact(digest, manifest, &parsed, record, &trust)?;
        Ok(PutOutcome {
            created,
            content_digest: parsed.content().map(|content| content.digest),
            signer: trust.signer().map(|signer| signer.name.clone()),
            manifest: parsed,
        })
    }

    /// Applies the policy to the signature that came with a manifest.
    fn check_signature(
        &self,
        digest: &Digest,
        manifest: &[u8],
        signature: &[u8],
        now: SystemTime,
    ) -> Result<(Option<signatures::Record>, Trust), StoreError> {
        let policy = self.0.options.policy;
        let refuse = |source| StoreError::Untrusted { digest: *digest, source };
        if signature.is_empty() {
            return match policy {
                TrustPolicy::Require => Err(refuse(Untrusted::Unsigned)),
                TrustPolicy::Warn => Ok((None, Trust::Untrusted(Untrusted::Unsigned))),
                TrustPolicy::Off => Ok((None, Trust::NotChecked)),
            };
        }
        let signature = Signature::from_slice(signature)?;
        if policy == TrustPolicy::Off {
            return Ok((Some(signatures::Record { signature, made_by: None }), Trust::NotChecked));
        }
        match self.trust().verify(manifest, &signature, None, now)? {
            Ok(signer) => {
                let made_by = Some(signer.key);
                Ok((Some(signatures::Record { signature, made_by }), Trust::Trusted(signer)))
            }
            Err(why) if policy == TrustPolicy::Require => Err(refuse(why)),
            Err(why) => {
                tracing::warn!(artifact.digest = %digest, reason = %why, "an untrusted artifact is put");
                Ok((Some(signatures::Record { signature, made_by: None }), Trust::Untrusted(why)))
            }
        }
    }

    /// Reads every blob that the manifest names.
    fn check_blobs(&self, digest: &Digest, manifest: &Manifest) -> Result<(), StoreError> {
        let refuse = |source| StoreError::Manifest { digest: *digest, source };
        let limit = self.0.options.max_blob_bytes;
        // the cheap question first: is everything there?
        for blob in manifest.blobs() {
            if blob.size > limit {
                return Err(StoreError::BlobTooLarge { limit });
            }
            self.open_blob(&blob.digest)?;
        }
        for blob in manifest.blobs() {
            let verified = self.verify_blob(&blob.digest)?;
            if verified.size != blob.size {
                let (stated, actual) = (blob.size, verified.size);
                return Err(StoreError::SizeMismatch { digest: blob.digest, stated, actual });
            }
            if manifest.content() == Some(blob) {
                manifest.check_content(&verified.start).map_err(refuse)?;
            }
        }
        if manifest.content().is_some() {
            let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
            let config = self.read_blob(&manifest.config.digest, limit)?;
            manifest.check_config(&config).map_err(refuse)?;
        }
        Ok(())
    }

    /// Writes manifest, signature and index entry, in this order: what is listed is complete.
    fn store_artifact(
        &self,
        digest: &Digest,
        bytes: &[u8],
        manifest: &Manifest,
        record: Option<signatures::Record>,
        trust: &Trust,
    ) -> Result<bool, StoreError> {
        // this syncs the folder too, hence the names of blobs that were written without a sync
        self.put_blob(bytes, BlobDurability::Durable)?;
        let (signature_temp, index_temp) = (self.0.temp.path()?, self.0.temp.path()?);
        let _lock = self.lock(LockMode::Exclusive)?;
        // garbage may have been collected since we looked
        for blob in manifest.blobs().map(|blob| &blob.digest).chain([digest]) {
            if !self.has_blob(blob) {
                return Err(StoreError::BlobMissing(*blob));
            }
        }
        let layout = &self.0.layout;
        let before = Mark::of(&layout.index());
        let mut index = Index::read(layout)?;
        let created = !index.contains(digest);
        if created && index.entries().len() >= self.0.options.max_artifacts {
            return Err(StoreError::TooManyArtifacts(self.0.options.max_artifacts));
        }
        let mut changes = Vec::with_capacity(2);
        if let Some(record) = record {
            let before = signatures::read(layout, digest)?;
            // one that counts is not lost to one that may not
            let better = trust.signer().is_some() || before.is_none();
            if better && before != Some(record) {
                let (path, bytes) = (layout.signature(digest), record.to_bytes());
                changes.push(files::Replacement { path, temp: signature_temp, bytes });
            }
        }
        if created {
            index.add(*digest, u64::try_from(bytes.len()).unwrap_or(u64::MAX), manifest);
            let (path, bytes) = (layout.index(), index.to_bytes());
            changes.push(files::Replacement { path, temp: index_temp, bytes });
        }
        files::replace_all(&changes)?;
        self.note_listed(before, *digest);
        Ok(created)
    }
}
