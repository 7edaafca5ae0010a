//! Where artifacts, inputs and outputs lie: a content-addressed store, the keys that are trusted,
//! and a cache of compiled code.
//!
//! ```text
//!            bytes                    digest, manifest, signature
//!              │                                  │
//!              ▼                                  ▼
//!        BlobWriter ──► blobs/sha256/<hex> ◄── put_artifact ◄── TrustStore (<name>.pem, <name>.toml)
//!  temp file, hash,            │                  │ digest? manifest? blobs? signer?      │
//!  sync, rename, sync          │                  ▼                                       │
//!                              │       vyr/signatures/<hex>, index.json                   │
//!                              ▼                                                          │
//!   cold run:  load_manifest: read, hash, parse, verify ──► VerifiedArtifact ◄────────────┤
//!                              │                               │                          │
//!   warm run:                  │                          check_trust ◄───────────────────┘
//!                              ▼                               │
//!                   AotCache::get (MAC over the very bytes)    ▼
//!                     │ hit: code     │ miss ──► read_content (hash over the very bytes) ──► compile ──► put
//! ```
//!
//! The folder is an OCI image layout: other tools read it. What is ours alone stands under `vyr/`.
//! All calls block; the node calls them where blocking is allowed.

mod aot;
mod error;
mod files;
mod lock;
mod store;
mod trust;

pub use aot::{AotCache, AotLookup, AotOptions, AotPut};
pub use error::StoreError;
pub use store::{
    Artifact, BlobDurability, BlobWriter, GcReport, Index, ListedArtifact, PutOutcome, ReadManifest, Store,
    StoreOptions, StoredBlob, Trust, VerifiedArtifact,
};
pub use trust::{
    KeyInfo, LOCAL_KEY_NAME, LocalKey, Signer, TrustPolicy, TrustStore, Untrusted, Validity,
    create_secret_key, load_secret_key,
};
