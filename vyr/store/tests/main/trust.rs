//! Whose signatures count, and from when on.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use vyr_model::{PublicKey, SecretKey};
use vyr_store::{
    LOCAL_KEY_NAME, Store, StoreError, TrustStore, Untrusted, Validity, create_secret_key, load_secret_key,
};

use crate::fixture::{NOW, World, later, module, upload};

fn pem(key: &SecretKey) -> String {
    key.public().to_pem().unwrap()
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn why(error: StoreError) -> Untrusted {
    match error {
        StoreError::Untrusted { source, .. } => source,
        other => panic!("{other}"),
    }
}

#[test]
fn an_unknown_key_is_refused_until_it_is_trusted() {
    let world = World::new();
    let alice = SecretKey::from_seed(&[1; 32]);
    let built = upload(&world.store, &module(b"body"), "module", "1");
    let signature = alice.sign(&built.manifest);
    let put = |store: &Store| store.put_artifact(&built.digest(), &built.manifest, signature.as_bytes(), NOW);
    assert_eq!(why(put(&world.store).unwrap_err()), Untrusted::UnknownKey);
    world.store.trust().trust_key("alice", &pem(&alice), Validity::default()).unwrap();
    assert_eq!(put(&world.store).unwrap().signer.as_deref(), Some("alice"));
}

#[test]
fn a_signature_for_other_bytes_or_of_a_wrong_length_is_refused() {
    let world = World::new();
    let built = upload(&world.store, &module(b"body"), "module", "1");
    let put = |signature: &[u8]| world.store.put_artifact(&built.digest(), &built.manifest, signature, NOW);
    let other = world.key.sign(b"something else");
    assert_eq!(why(put(other.as_bytes()).unwrap_err()), Untrusted::UnknownKey);
    assert!(matches!(put(&[0; 63]).unwrap_err(), StoreError::Signature(_)));
}

#[test]
fn revoking_counts_at_the_next_check_also_from_another_process() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let warm = world.load(&built).unwrap();
    world.store.check_trust(&warm, NOW).unwrap();
    // another process has its own view of the folder
    TrustStore::open(world.path("trust")).unwrap().revoke(LOCAL_KEY_NAME).unwrap();
    let revoked = Untrusted::Revoked(LOCAL_KEY_NAME.into());
    assert_eq!(why(world.store.check_trust(&warm, NOW).unwrap_err()), revoked);
    assert_eq!(why(world.load(&built).unwrap_err()), revoked);
    assert_eq!(why(world.put_built(&built).unwrap_err()), revoked);
}

#[test]
fn a_change_made_in_place_with_an_editor_counts_at_once() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let warm = world.load(&built).unwrap();
    let toml = world.path("trust/local.toml");
    for round in 0..200 {
        // no pause between the changes: they fall within one tick of the file system's clock
        std::fs::write(&toml, "revoked = true \n").unwrap();
        assert!(world.store.check_trust(&warm, NOW).is_err(), "round {round}");
        std::fs::write(&toml, "revoked = false\n").unwrap();
        assert!(world.store.check_trust(&warm, NOW).is_ok(), "round {round}");
    }
}

#[test]
fn a_key_counts_only_within_its_times() {
    let world = World::new();
    let validity = Validity { not_before: Some(later(10)), not_after: Some(later(20)), revoked: false };
    let key = pem(&world.key);
    world.store.trust().trust_key(LOCAL_KEY_NAME, &key, validity).unwrap();
    let built = upload(&world.store, &module(b"body"), "module", "1");
    let signature = world.key.sign(&built.manifest);
    let put = |now| world.store.put_artifact(&built.digest(), &built.manifest, signature.as_bytes(), now);
    assert!(matches!(why(put(later(9)).unwrap_err()), Untrusted::NotYetValid { .. }));
    assert!(matches!(why(put(later(20)).unwrap_err()), Untrusted::Expired { .. }));
    put(later(10)).unwrap();
    let warm = world.store.load_manifest(&built.digest(), later(19)).unwrap();
    world.store.check_trust(&warm, later(19)).unwrap();
    assert!(matches!(why(world.store.check_trust(&warm, later(20)).unwrap_err()), Untrusted::Expired { .. }));
    assert!(matches!(
        why(world.store.load_manifest(&built.digest(), later(20)).unwrap_err()),
        Untrusted::Expired { .. }
    ));
}

#[test]
fn a_revoked_key_does_not_come_back_under_another_name() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    world.store.trust().trust_key("zed", &pem(&world.key), Validity::default()).unwrap();
    world.store.trust().revoke(LOCAL_KEY_NAME).unwrap();
    assert!(matches!(why(world.load(&built).unwrap_err()), Untrusted::Revoked(_)));
}

#[test]
fn an_artifact_signed_anew_after_a_revocation_loads_again() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let alice = SecretKey::from_seed(&[1; 32]);
    world.store.trust().trust_key("alice", &pem(&alice), Validity::default()).unwrap();
    world.store.trust().revoke(LOCAL_KEY_NAME).unwrap();
    let signature = alice.sign(&built.manifest);
    let outcome =
        world.store.put_artifact(&built.digest(), &built.manifest, signature.as_bytes(), NOW).unwrap();
    assert_eq!((outcome.created, outcome.signer.as_deref()), (false, Some("alice")));
    assert_eq!(world.load(&built).unwrap().trust.signer().unwrap().name, "alice");
}

#[test]
fn a_slip_in_a_keys_file_makes_that_key_useless_and_says_so() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    std::fs::write(world.path("trust/local.toml"), "revokd = true\n").unwrap();
    assert!(matches!(why(world.load(&built).unwrap_err()), Untrusted::Broken { .. }));
    let listed = world.store.trust().list().unwrap();
    assert!(listed[0].validity.as_ref().unwrap_err().contains("revokd"), "{listed:?}");
    // revoking works on it nonetheless
    world.store.trust().revoke(LOCAL_KEY_NAME).unwrap();
    assert!(matches!(why(world.load(&built).unwrap_err()), Untrusted::Revoked(_)));
}

#[test]
fn keys_that_others_could_change_do_not_count() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    chmod(&world.path("trust/local.pem"), 0o666);
    assert!(matches!(why(world.load(&built).unwrap_err()), Untrusted::Broken { .. }));
    chmod(&world.path("trust/local.pem"), 0o644);
    world.load(&built).unwrap();
    chmod(&world.path("trust"), 0o777);
    assert!(matches!(world.load(&built).unwrap_err(), StoreError::Exposed { .. }));
    assert!(matches!(TrustStore::open(world.path("trust")), Err(StoreError::Exposed { .. })));
}

#[test]
fn a_trust_folder_that_vanishes_trusts_nobody() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let warm = world.load(&built).unwrap();
    std::fs::rename(world.path("trust"), world.path("elsewhere")).unwrap();
    assert!(world.store.check_trust(&warm, NOW).is_err());
    std::fs::rename(world.path("elsewhere"), world.path("trust")).unwrap();
    world.store.check_trust(&warm, NOW).unwrap();
}

#[test]
fn names_are_plain_and_belong_to_one_key() {
    let world = World::new();
    let trust = world.store.trust();
    let alice = pem(&SecretKey::from_seed(&[1; 32]));
    for name in ["", "../local", "a/b", "Alice", ".hidden", "-a", &"a".repeat(65)] {
        assert!(matches!(trust.trust_key(name, &alice, Validity::default()), Err(StoreError::KeyName(_))));
        assert!(matches!(trust.revoke(name), Err(StoreError::KeyName(_))), "{name}");
    }
    assert!(matches!(
        trust.trust_key(LOCAL_KEY_NAME, &alice, Validity::default()),
        Err(StoreError::KeyTaken(_))
    ));
    assert!(matches!(trust.revoke("nobody"), Err(StoreError::KeyUnknown(_))));
    let secret = world.key.to_pem().unwrap();
    assert!(matches!(trust.trust_key("bob", &secret, Validity::default()), Err(StoreError::Key { .. })));
    assert_eq!(trust.list().unwrap().len(), 1);
}

#[test]
fn the_local_key_is_made_once_for_its_owner_alone_and_stays_revoked() {
    let world = World::new();
    let path = world.path("keys/local.pem");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(world.path("keys")).unwrap().permissions().mode() & 0o777, 0o700);
    let trust = world.store.trust();
    let again = trust.local_key(&path).unwrap();
    assert!(!again.created);
    assert_eq!(again.secret.public(), world.key.public());
    trust.revoke(LOCAL_KEY_NAME).unwrap();
    trust.local_key(&path).unwrap();
    assert!(matches!(trust.check_key(&world.key.public(), NOW).unwrap(), Err(Untrusted::Revoked(_))));
    chmod(&path, 0o640);
    assert!(matches!(trust.local_key(&path), Err(StoreError::Exposed { .. })));
}

#[test]
fn a_lost_local_key_is_made_anew_and_what_the_old_one_signed_stays_trusted() {
    let world = World::new();
    let (built, _) = world.put(b"old");
    let path = world.path("keys/local.pem");
    std::fs::remove_file(&path).unwrap();
    let made = world.store.trust().local_key(&path).unwrap();
    assert!(made.created && made.secret.public() != world.key.public());
    for key in [made.secret.public(), world.key.public()] {
        assert!(world.store.trust().check_key(&key, NOW).unwrap().is_ok());
    }
    let names: Vec<_> = world.store.trust().list().unwrap().into_iter().map(|info| info.name).collect();
    assert!(names.len() == 2 && names.iter().any(|name| name == LOCAL_KEY_NAME), "{names:?}");
    assert!(!world.store.trust().local_key(&path).unwrap().created);
    assert_eq!(world.store.trust().list().unwrap().len(), 2, "it has its name");
    world.load(&built).unwrap();
}

#[test]
fn many_first_uses_at_once_make_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let keys: Vec<PublicKey> = std::thread::scope(|scope| {
        let start = || {
            let trust = TrustStore::open(dir.path().join("trust")).unwrap();
            trust.local_key(&dir.path().join("keys/local.pem")).unwrap().secret.public()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[test]
fn a_private_key_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.pem");
    let made = create_secret_key(&path).unwrap();
    assert!(create_secret_key(&path).is_err());
    assert_eq!(load_secret_key(&path).unwrap().public(), made.public());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_validity_that_can_never_hold_is_refused() {
    let world = World::new();
    let validity = Validity { not_before: Some(later(5)), not_after: Some(later(5)), revoked: false };
    let error = world.store.trust().trust_key(LOCAL_KEY_NAME, &pem(&world.key), validity).unwrap_err();
    assert!(matches!(error, StoreError::Validity { .. }), "{error}");
}

#[test]
fn an_old_folder_answers_from_memory_and_still_sees_a_change() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let warm = world.load(&built).unwrap();
    // age the files: what changed long ago is not read again
    let past = SystemTime::now() - Duration::from_secs(60);
    for name in ["local.pem", "local.toml"] {
        std::fs::File::open(world.path("trust").join(name)).unwrap().set_modified(past).unwrap();
    }
    world.store.check_trust(&warm, NOW).unwrap();
    world.store.trust().revoke(LOCAL_KEY_NAME).unwrap();
    assert!(world.store.check_trust(&warm, NOW).is_err());
}
