use std::{io, path::PathBuf, time::Duration};

use vyr_model::{ArtifactKind, Digest, KeyError, ManifestError};

use crate::Untrusted;

/// Why the store, its keys or its cache refuse or fail. Nothing is damaged in any case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refused.
    #[error("failed to {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No room is left. What was there before is whole, what was being written is gone.
    #[error("no room left to write `{}`: free some space (removing artifacts and collecting garbage does) and try again", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds a lock for too long.
    #[error("`{}` is locked by another process for more than {waited:?}: wait for it to end, or end it", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
    /// The folder holds something else.
    #[error("`{}` is not empty and no store: name a new or empty folder", .0.display())]
    NotAStore(PathBuf),
    /// The store was written by something newer, or is damaged.
    #[error("`{}` is not OCI image layout 1.0.0: name another folder, or restore the file", .0.display())]
    LayoutVersion(PathBuf),
    /// `index.json` cannot be read.
    #[error("`{}` is damaged ({problem}): delete it; it is made again of the signed artifacts when the store is opened", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        problem: String,
    },
    /// The store holds as many artifacts as it may.
    #[error("the store holds {0} artifacts, as many as it may: remove some, or raise the limit")]
    TooManyArtifacts(usize),
    /// The blob is not there.
    #[error("blob {0} is not in the store: upload it first")]
    BlobMissing(Digest),
    /// The bytes on disk are not what their name says; they were moved aside.
    #[error("blob {digest} is corrupt and was moved aside: upload it again")]
    BlobCorrupt {
        /// The blob.
        digest: Digest,
    },
    /// The blob is larger than it may be.
    #[error(
        "the blob is larger than {limit} bytes, the most that is accepted here: split it, or raise the limit"
    )]
    BlobTooLarge {
        /// The limit.
        limit: u64,
    },
    /// The bytes do not have the digest that was named.
    #[error(
        "the bytes have digest {actual}, not {expected}: send the bytes that were named, or name their digest"
    )]
    DigestMismatch {
        /// What was named.
        expected: Digest,
        /// What the bytes have.
        actual: Digest,
    },
    /// The manifest gives a wrong length for a blob.
    #[error(
        "blob {digest} has {actual} bytes, but the manifest says {stated}: make the manifest from the same file"
    )]
    SizeMismatch {
        /// The blob.
        digest: Digest,
        /// What the manifest says.
        stated: u64,
        /// What the blob has.
        actual: u64,
    },
    /// The manifest, its config or its content is not accepted.
    #[error("artifact {digest} is not accepted")]
    Manifest {
        /// The artifact.
        digest: Digest,
        /// Why.
        source: ManifestError,
    },
    /// A container image has no single content.
    #[error("artifact {digest} is of kind `{kind}`, which has no Wasm content: read its layers")]
    NoContent {
        /// The artifact.
        digest: Digest,
        /// Its kind.
        kind: ArtifactKind,
    },
    /// The policy asks for a trusted signature.
    #[error("artifact {digest} is not trusted")]
    Untrusted {
        /// The artifact.
        digest: Digest,
        /// Why.
        source: Untrusted,
    },
    /// No artifact of that digest was put.
    #[error("artifact {0} is not in the store: put it first")]
    ArtifactMissing(Digest),
    /// The text is no digest prefix.
    #[error("`{0}` is not a digest prefix: write `sha256:` and 4 to 64 lowercase hex digits")]
    Prefix(String),
    /// No artifact begins with the prefix.
    #[error("no artifact has a digest that begins `{0}`: list the artifacts to see which there are")]
    PrefixUnknown(String),
    /// Several artifacts begin with the prefix.
    #[error("{count} artifacts have a digest that begins `{prefix}`: write more digits")]
    PrefixAmbiguous {
        /// The prefix.
        prefix: String,
        /// How many begin with it.
        count: usize,
    },
    /// A file or folder that decides what runs can be changed by others.
    #[error("`{}` {problem}: {mend}", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// What others can do.
        problem: &'static str,
        /// What to do about it.
        mend: &'static str,
    },
    /// The name cannot be a key's.
    #[error(
        "`{0}` cannot name a key: write 1 to 64 lowercase letters, digits, `.`, `_` or `-`, a letter or digit first"
    )]
    KeyName(String),
    /// No key has this name.
    #[error("no key is named `{0}`: list the keys to see which there are")]
    KeyUnknown(String),
    /// The name is another key's.
    #[error("another key is named `{0}` already: choose another name")]
    KeyTaken(String),
    /// The file holds no key, or the wrong half of one.
    #[error("`{}` is not accepted", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// A key's bounds make no sense.
    #[error("the validity for `{}` is not accepted ({problem}): correct its times", path.display())]
    Validity {
        /// The file that would have held it.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The signature has the wrong form.
    #[error("the signature is not accepted")]
    Signature(#[from] KeyError),
    /// The trust folder holds as many keys as it may.
    #[error(
        "the trust folder holds {0} keys, as many as it may: delete the files of those that are not needed"
    )]
    TooManyKeys(usize),
}

impl StoreError {
    /// Wraps an error of the operating system; a full disk gets its own kind.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            // EFBIG comes from a file size limit, which stops a write just as a full disk does
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path, source }
            }
            _ => Self::Io { action, path, source },
        }
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Io { source, .. } => source.kind(),
            StoreError::DiskFull { .. } => io::ErrorKind::StorageFull,
            StoreError::BlobMissing(_) => io::ErrorKind::NotFound,
            StoreError::BlobTooLarge { .. } => io::ErrorKind::FileTooLarge,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
