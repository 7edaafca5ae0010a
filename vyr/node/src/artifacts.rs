//! Verified artifacts: read once, trusted anew at every run.

use std::{num::NonZeroUsize, time::SystemTime};

use connectrpc::ErrorCode;
use lru::LruCache;
use parking_lot::Mutex;
use vyr_model::Digest;
use vyr_store::{Store, StoreError, VerifiedArtifact};
use vyr_telemetry::{Edge, Stamp};

use crate::{Refusal, tracer::Tracer};

/// Manifests kept in memory.
const MAX_CACHED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The artifacts of one node.
pub(crate) struct Artifacts {
    store: Store,
    cached: Mutex<LruCache<Digest, VerifiedArtifact>>,
}

impl Artifacts {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, cached: Mutex::new(LruCache::new(MAX_CACHED)) }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Verifies an artifact: digest and signature when it is read, the key's trust every time.
    pub(crate) fn verify(&self, digest: Digest, tracer: Tracer<'_>) -> Result<VerifiedArtifact, Refusal> {
        let cached = self.cached.lock().get(&digest).cloned();
        if let Some(artifact) = cached.filter(|_| self.store.is_listed(&digest))
            && self.check_trust(&artifact, tracer).is_ok()
        {
            return Ok(artifact);
        }
        // it may have been put again since, with another signature
        let began = Stamp::now();
        tracer.passed(Edge::VerifyDigest);
        let read = self.store.read_manifest(&digest);
        let hashed = tracer.span(Edge::VerifyDigest, began);
        let read = read.map_err(refuse_store)?;
        tracer.passed(Edge::VerifySignature);
        let verified = self.store.verify_manifest(read, SystemTime::now());
        tracer.span(Edge::VerifySignature, hashed);
        let artifact = verified.map_err(refuse_store)?;
        self.cached.lock().put(digest, artifact.clone());
        Ok(artifact)
    }

    /// Asks whether the key that signed a verified artifact is trusted now.
    pub(crate) fn check_trust(&self, artifact: &VerifiedArtifact, tracer: Tracer<'_>) -> Result<(), Refusal> {
        let began = Stamp::now();
        tracer.passed(Edge::VerifySignature);
        let checked = self.store.check_trust(artifact, SystemTime::now());
        tracer.span(Edge::VerifySignature, began);
        checked.map_err(|error| {
            self.cached.lock().pop(&artifact.digest);
            refuse_store(error)
        })
    }
}

/// Turns the store's refusal into the API's.
pub(crate) fn refuse_store(error: StoreError) -> Refusal {
    let (code, reason, mend) = match &error {
        StoreError::BlobMissing(_) => {
            (ErrorCode::NotFound, "BLOB_MISSING", "PUT it to /blobs/ first, then call again")
        }
        StoreError::ArtifactMissing(_) => (
            ErrorCode::NotFound,
            "ARTIFACT_NOT_FOUND",
            "put it with `vyr artifact put`, or list what is here",
        ),
        StoreError::DigestMismatch { .. } | StoreError::SizeMismatch { .. } => {
            (ErrorCode::InvalidArgument, "DIGEST_MISMATCH", "send the bytes that the digest names")
        }
        StoreError::Manifest { .. } | StoreError::NoContent { .. } => {
            (ErrorCode::InvalidArgument, "MANIFEST_INVALID", "make the manifest with `vyr artifact sign`")
        }
        StoreError::Untrusted { .. } | StoreError::Signature(_) => (
            ErrorCode::PermissionDenied,
            "NOT_TRUSTED",
            "sign it with a key that this node trusts, or trust the key with `vyr key trust`",
        ),
        StoreError::BlobTooLarge { .. } => {
            (ErrorCode::ResourceExhausted, "BLOB_TOO_LARGE", "split it, or pass a URL to the task")
        }
        StoreError::TooManyArtifacts(_) => {
            (ErrorCode::ResourceExhausted, "STORE_FULL", "remove artifacts, then `vyr artifact gc`")
        }
        StoreError::DiskFull { .. } => {
            (ErrorCode::ResourceExhausted, "DISK_FULL", "free space on the disk of the node's home")
        }
        StoreError::BlobCorrupt { .. } => (ErrorCode::DataLoss, "BLOB_CORRUPT", "put it again"),
        _ => (ErrorCode::Internal, "STORE_FAILED", "run `vyr doctor` on the node's machine"),
    };
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    Refusal::new(code, reason, subject(&error), message, mend)
}

/// Says what a store's refusal is about: the digest, where it has one.
fn subject(error: &StoreError) -> String {
    match error {
        StoreError::BlobMissing(digest)
        | StoreError::ArtifactMissing(digest)
        | StoreError::BlobCorrupt { digest }
        | StoreError::DigestMismatch { expected: digest, .. }
        | StoreError::SizeMismatch { digest, .. }
        | StoreError::Manifest { digest, .. }
        | StoreError::NoContent { digest, .. }
        | StoreError::Untrusted { digest, .. } => digest.to_string(),
        StoreError::Signature(_) => "signature".to_owned(),
        StoreError::BlobTooLarge { .. } => "blob".to_owned(),
        StoreError::DiskFull { .. } => "disk".to_owned(),
        _ => "store".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_digest_that_it_is_about() {
        let digest = Digest::of(b"a");
        let wrong = StoreError::DigestMismatch { expected: digest, actual: Digest::of(b"b") };
        for error in [StoreError::BlobMissing(digest), StoreError::BlobCorrupt { digest }, wrong] {
            assert_eq!(refuse_store(error).subject, digest.to_string());
        }
        assert_eq!(refuse_store(StoreError::TooManyArtifacts(1)).subject, "store");
    }
}
