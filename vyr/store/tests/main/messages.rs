//! Every refusal, as a person reads it. Each names the thing and the mend.

use std::{error::Error, fmt::Write as _, io, path::PathBuf, time::Duration};

use vyr_model::{ArtifactKind, Digest, KeyError, ManifestError};
use vyr_store::{StoreError, Untrusted};

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, "\n  caused by: {cause}").unwrap();
        source = cause.source();
    }
    text
}

#[test]
fn every_error_names_the_thing_and_the_mend() {
    let digest = Digest::of(b"");
    let actual = Digest::of(b"x");
    let path = || PathBuf::from("/var/lib/vyr/thing");
    let io = |kind: io::ErrorKind| io::Error::from(kind);
    let untrusted = |source| StoreError::Untrusted { digest, source };
    let name = || "alice".to_owned();
    let errors = [
        StoreError::Io { action: "open", path: path(), source: io(io::ErrorKind::PermissionDenied) },
        StoreError::DiskFull { path: path(), source: io(io::ErrorKind::StorageFull) },
        StoreError::Locked { path: path(), waited: Duration::from_secs(30) },
        StoreError::NotAStore(path()),
        StoreError::LayoutVersion(path()),
        StoreError::Index { path: path(), problem: "expected value at line 1 column 1".into() },
        StoreError::TooManyArtifacts(10_000),
        StoreError::BlobMissing(digest),
        StoreError::BlobCorrupt { digest },
        StoreError::BlobTooLarge { limit: 8 << 30 },
        StoreError::DigestMismatch { expected: digest, actual },
        StoreError::SizeMismatch { digest, stated: 13, actual: 12 },
        StoreError::Manifest { digest, source: ManifestError::AnnotationMissing("dev.vyr.kind") },
        StoreError::NoContent { digest, kind: ArtifactKind::Oci },
        untrusted(Untrusted::Unsigned),
        untrusted(Untrusted::UnknownKey),
        untrusted(Untrusted::BadSignature(name())),
        untrusted(Untrusted::Revoked(name())),
        untrusted(Untrusted::Expired { name: name(), at: "2030-01-31T00:00:00Z".into() }),
        untrusted(Untrusted::NotYetValid { name: name(), at: "2030-01-31T00:00:00Z".into() }),
        untrusted(Untrusted::Broken { name: name(), problem: "unknown field `revokd`".into() }),
        StoreError::ArtifactMissing(digest),
        StoreError::Prefix("xyz".into()),
        StoreError::PrefixUnknown("abcd".into()),
        StoreError::PrefixAmbiguous { prefix: "abcd".into(), count: 2 },
        StoreError::Exposed {
            path: path(),
            problem: "can be written by others",
            mend: "run `chmod go-w` on it",
        },
        StoreError::KeyName("A b".into()),
        StoreError::KeyUnknown("bob".into()),
        StoreError::KeyTaken("alice".into()),
        StoreError::Key { path: path(), source: KeyError::PublicPem },
        StoreError::Validity { path: path(), problem: "not_after is not later than not_before".into() },
        StoreError::Signature(KeyError::SignatureLength(63)),
        StoreError::TooManyKeys(1024),
    ];
    let text: Vec<String> = errors.iter().map(|error| chain(error)).collect();
    insta::assert_snapshot!(text.join("\n"));
}
