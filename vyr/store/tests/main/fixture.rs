//! A store of its own for each test, and artifacts to put into it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use vyr_model::{ArtifactKind, BuiltManifest, Digest, ManifestDraft, SecretKey};
use vyr_store::{BlobDurability, PutOutcome, Store, StoreError, StoreOptions, TrustPolicy, VerifiedArtifact};

/// The time at which tests take place.
pub(crate) const NOW: SystemTime = SystemTime::UNIX_EPOCH;

pub(crate) fn later(seconds: u64) -> SystemTime {
    NOW + Duration::from_secs(seconds)
}

/// A store, its trust folder and a trusted key, gone at the end of the test.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) key: SecretKey,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut StoreOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = StoreOptions::new(dir.path().join("trust"));
        change(&mut options);
        let store = Store::open(dir.path().join("store"), options).unwrap();
        let key = store.trust().local_key(&dir.path().join("keys/local.pem")).unwrap();
        assert!(key.created);
        Self { dir, store, key: key.secret }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Opens the same folder again, as another process would.
    pub(crate) fn reopen(&self, policy: TrustPolicy) -> Store {
        let options = StoreOptions { policy, ..self.store.options().clone() };
        Store::open(self.store.dir(), options).unwrap()
    }

    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path("store/blobs/sha256").join(digest.to_hex())
    }

    /// Puts a module with this body, signed by the local key.
    pub(crate) fn put(&self, body: &[u8]) -> (BuiltManifest, PutOutcome) {
        let built = upload(&self.store, &module(body), "module", "1.0.0");
        let outcome = self.put_built(&built).unwrap();
        (built, outcome)
    }

    pub(crate) fn put_built(&self, built: &BuiltManifest) -> Result<PutOutcome, StoreError> {
        let signature = self.key.sign(&built.manifest);
        self.store.put_artifact(&built.digest(), &built.manifest, signature.as_bytes(), NOW)
    }

    pub(crate) fn load(&self, built: &BuiltManifest) -> Result<VerifiedArtifact, StoreError> {
        self.store.load_manifest(&built.digest(), NOW)
    }
}

/// Bytes that begin as a core module does. The store reads no further.
pub(crate) fn module(body: &[u8]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0", body].concat()
}

/// Uploads the blobs of a new artifact, and does not put it yet.
pub(crate) fn upload(store: &Store, content: &[u8], name: &str, version: &str) -> BuiltManifest {
    let content = store.put_blob(content, BlobDurability::Durable).unwrap();
    let draft = ManifestDraft::new(ArtifactKind::Module, name, version);
    let built = draft.build(content.digest, content.size).unwrap();
    store.put_blob(&built.config, BlobDurability::Durable).unwrap();
    built
}

/// Every file below `dir`, with its content: what must be equal when nothing was changed.
pub(crate) fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Flips one bit of a file, in place.
pub(crate) fn flip_bit(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
