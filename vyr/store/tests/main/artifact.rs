//! Putting, loading and running down an artifact.

use vyr_model::{ArtifactKind, Digest, ManifestDraft};
use vyr_store::{BlobDurability, StoreError, TrustPolicy, Untrusted};

use crate::fixture::{NOW, World, files_below, flip_bit, module, upload};

#[test]
fn what_is_put_loads_and_is_the_same_to_the_byte() {
    let world = World::new();
    let (built, outcome) = world.put(b"body");
    assert!(outcome.created);
    assert_eq!(outcome.content_digest, Some(Digest::of(&module(b"body"))));
    assert_eq!(outcome.signer.as_deref(), Some("local"));
    let loaded = world.load(&built).unwrap();
    assert_eq!(loaded.bytes, built.manifest);
    assert_eq!(loaded.manifest, built.parsed);
    assert_eq!(world.store.read_content(&loaded).unwrap(), module(b"body"));
    world.store.check_trust(&loaded, NOW).unwrap();
}

#[test]
fn the_same_put_again_changes_nothing() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let before = files_below(world.store.dir());
    assert!(!world.put_built(&built).unwrap().created);
    assert_eq!(files_below(world.store.dir()), before);
}

#[test]
fn two_stores_give_the_same_file_the_same_digest() {
    let digests = [World::new(), World::new()].map(|world| world.put(b"body").0.digest());
    assert_eq!(digests[0], digests[1]);
    // fixed: a change of what we write moves every artifact's address, so it must be meant
    insta::assert_snapshot!(digests[0]);
}

#[test]
fn a_wrong_digest_is_refused_and_nothing_changes() {
    let world = World::new();
    let built = upload(&world.store, &module(b"body"), "module", "1.0.0");
    let before = files_below(world.store.dir());
    let signature = world.key.sign(&built.manifest);
    let wrong = Digest::of(b"another");
    let error = world.store.put_artifact(&wrong, &built.manifest, signature.as_bytes(), NOW).unwrap_err();
    assert!(matches!(error, StoreError::DigestMismatch { expected, .. } if expected == wrong), "{error}");
    assert_eq!(files_below(world.store.dir()), before);
}

#[test]
fn a_manifest_with_an_unknown_field_or_too_many_bytes_is_refused_and_nothing_changes() {
    let world = World::new();
    let built = upload(&world.store, &module(b"body"), "module", "1.0.0");
    let before = files_below(world.store.dir());
    let text = String::from_utf8(built.manifest).unwrap();
    let padding = " ".repeat(vyr_model::MAX_MANIFEST_BYTES);
    for (manifest, named) in [
        (text.replacen('{', "{\"entry\":1,", 1), "`entry`"),
        (text.replace("dev.vyr.kind", "dev.vyr.knd"), "`dev.vyr.knd`"),
        (text + &padding, "1048576"),
    ] {
        let signature = world.key.sign(manifest.as_bytes());
        let digest = Digest::of(manifest.as_bytes());
        let error =
            world.store.put_artifact(&digest, manifest.as_bytes(), signature.as_bytes(), NOW).unwrap_err();
        let StoreError::Manifest { source, .. } = error else { panic!("{error}") };
        assert!(source.to_string().contains(named), "{source}");
    }
    assert_eq!(files_below(world.store.dir()), before);
}

#[test]
fn a_missing_blob_is_refused_and_named() {
    let world = World::new();
    let content = module(b"body");
    let draft = ManifestDraft::new(ArtifactKind::Module, "module", "1");
    let built = draft.build(Digest::of(&content), 12).unwrap();
    world.store.put_blob(&built.config, BlobDurability::Durable).unwrap();
    let error = world.put_built(&built).unwrap_err();
    assert!(matches!(error, StoreError::BlobMissing(digest) if digest == Digest::of(&content)), "{error}");
    assert!(world.store.list(NOW).unwrap().is_empty());
    assert!(matches!(world.load(&built), Err(StoreError::ArtifactMissing(_))));
}

#[test]
fn a_corrupt_blob_is_refused_moved_aside_and_mended_by_another_upload() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let content = built.parsed.content().unwrap().digest;
    flip_bit(&world.blob_path(&content), 9);
    let loaded = world.load(&built).unwrap();
    for _ in 0..2 {
        let error = world.store.read_content(&loaded).unwrap_err();
        assert!(matches!(error, StoreError::BlobCorrupt { .. } | StoreError::BlobMissing(_)), "{error}");
    }
    assert!(matches!(world.put_built(&built), Err(StoreError::BlobMissing(_))));
    world.store.put_blob(&module(b"body"), BlobDurability::Durable).unwrap();
    assert_eq!(world.store.read_content(&loaded).unwrap(), module(b"body"));
    assert!(!world.put_built(&built).unwrap().created);
}

#[test]
fn a_torn_blob_is_replaced_by_another_upload() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let content = built.parsed.content().unwrap().digest;
    std::fs::write(world.blob_path(&content), b"\0as").unwrap();
    world.store.put_blob(&module(b"body"), BlobDurability::Durable).unwrap();
    let loaded = world.load(&built).unwrap();
    assert_eq!(world.store.read_content(&loaded).unwrap(), module(b"body"));
}

#[test]
fn a_tampered_manifest_is_never_loaded() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let path = world.blob_path(&built.digest());
    let text = String::from_utf8(built.manifest.clone()).unwrap();
    let forged = text.replace("1.0.0", "1.0.1").into_bytes();

    // under its old name it is corrupt
    std::fs::write(&path, &forged).unwrap();
    assert!(matches!(world.load(&built), Err(StoreError::BlobCorrupt { .. })));

    // under its own name, with the old signature beside it, the signature is not for it
    let digest = world.store.put_blob(&forged, BlobDurability::Durable).unwrap().digest;
    let signatures = world.path("store/vyr/signatures");
    std::fs::copy(signatures.join(built.digest().to_hex()), signatures.join(digest.to_hex())).unwrap();
    let index = world.path("store/index.json");
    let listed = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, listed.replace(&built.digest().to_hex(), &digest.to_hex())).unwrap();
    let error = world.store.load_manifest(&digest, NOW).unwrap_err();
    let StoreError::Untrusted { source, .. } = error else { panic!("{error}") };
    assert_eq!(source, Untrusted::BadSignature("local".into()));
}

#[test]
fn a_size_that_is_not_the_blobs_is_refused() {
    let world = World::new();
    let content = module(b"body");
    world.store.put_blob(&content, BlobDurability::Durable).unwrap();
    let draft = ManifestDraft::new(ArtifactKind::Module, "module", "1");
    let built = draft.build(Digest::of(&content), 13).unwrap();
    world.store.put_blob(&built.config, BlobDurability::Durable).unwrap();
    let error = world.put_built(&built).unwrap_err();
    assert!(matches!(error, StoreError::SizeMismatch { stated: 13, actual: 12, .. }), "{error}");
    assert!(world.store.has_blob(&Digest::of(&content)), "a blob that is whole stays");
}

#[test]
fn content_that_is_not_what_the_manifest_says_is_refused() {
    let world = World::new();
    for (content, expected) in [
        (&b"\0asm\x0d\0\x01\0"[..], "is a component, but the manifest says module"),
        (b"", "it is empty"),
        (b"#!/bin/sh\n", "does not begin with"),
    ] {
        let built = upload(&world.store, content, "module", "1");
        let error = world.put_built(&built).unwrap_err();
        let StoreError::Manifest { source, .. } = error else { panic!("{error}") };
        assert!(source.to_string().contains(expected), "{source}");
    }
}

#[test]
fn the_policy_decides_about_unsigned_artifacts() {
    for (policy, accepted) in
        [(TrustPolicy::Require, false), (TrustPolicy::Warn, true), (TrustPolicy::Off, true)]
    {
        let world = World::with(|options| options.policy = policy);
        let built = upload(&world.store, &module(b"body"), "module", "1");
        let put = world.store.put_artifact(&built.digest(), &built.manifest, &[], NOW);
        assert_eq!(put.is_ok(), accepted, "{policy:?}: {put:?}");
        if !accepted {
            continue;
        }
        assert_eq!(put.unwrap().signer, None);
        let loaded = world.load(&built).unwrap();
        world.store.check_trust(&loaded, NOW).unwrap();
        // the same store under the strict policy does not run it
        let strict = world.reopen(TrustPolicy::Require);
        assert!(matches!(strict.load_manifest(&built.digest(), NOW), Err(StoreError::Untrusted { .. })));
        assert!(matches!(strict.check_trust(&loaded, NOW), Err(StoreError::Untrusted { .. })));
    }
}

#[test]
fn zero_bytes_are_a_blob_like_any_other() {
    let world = World::new();
    let empty = world.store.put_blob(b"", BlobDurability::Durable).unwrap();
    assert_eq!(empty.digest, Digest::of(b""));
    assert_eq!(world.store.open_blob(&empty.digest).unwrap().1, 0);
    assert_eq!(world.store.read_blob(&empty.digest, 0).unwrap(), b"");
}
