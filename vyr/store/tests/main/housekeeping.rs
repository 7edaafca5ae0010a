//! Listing, finding, removing and collecting.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use vyr_model::Digest;
use vyr_store::{BlobDurability, StoreError, TrustPolicy};

use crate::fixture::{NOW, World, flip_bit, module, upload};

const NO_AGE: Duration = Duration::ZERO;

fn far_future() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

#[test]
fn lists_what_was_put_in_order_with_names_and_signers() {
    let world = World::new();
    let first = world.put(b"one").0;
    let second = upload(&world.store, &module(b"two"), "other", "2.0.0");
    world.put_built(&second).unwrap();
    let listed = world.store.list(NOW).unwrap();
    let digests: Vec<_> = listed.iter().map(|line| line.digest).collect();
    assert_eq!(digests, [first.digest(), second.digest()]);
    assert_eq!(listed[1].reference.as_deref(), Some("other:2.0.0"));
    let artifact = listed[1].artifact.as_ref().unwrap();
    assert_eq!(artifact.manifest.name.as_deref(), Some("other"));
    assert_eq!(artifact.trust.signer().unwrap().name, "local");
}

#[test]
fn a_damaged_artifact_stands_in_the_list_as_such() {
    let world = World::new();
    let (built, _) = world.put(b"one");
    world.put(b"two");
    flip_bit(&world.blob_path(&built.digest()), 3);
    let listed = world.store.list(NOW).unwrap();
    assert!(matches!(listed[0].artifact, Err(StoreError::BlobCorrupt { .. })));
    assert!(listed[1].artifact.is_ok());
}

#[test]
fn a_prefix_finds_the_one_artifact_that_has_it() {
    let world = World::new();
    // enough artifacts that two share four digits would be luck; the first four are compared instead
    let digests: Vec<Digest> = (0..20).map(|index: u8| world.put(&[index]).0.digest()).collect();
    for digest in &digests {
        let hex = digest.to_hex();
        let alone = digests.iter().filter(|other| other.to_hex().starts_with(&hex[..4])).count() == 1;
        assert_eq!(world.store.resolve(&hex[..4]).is_ok(), alone);
        assert_eq!(world.store.resolve(&format!("sha256:{}", &hex[..16])).unwrap(), *digest);
        assert_eq!(world.store.resolve(&digest.to_string()).unwrap(), *digest);
    }
    for bad in ["", "sha256:", "abc", "ABCD", "xyzw", "sha512:abcd", &"a".repeat(65)] {
        assert!(matches!(world.store.resolve(bad), Err(StoreError::Prefix(_))), "{bad}");
    }
    let nothing = world.store.resolve(&format!("{}ffff", &digests[0].to_hex()[..12]));
    assert!(matches!(nothing, Err(StoreError::PrefixUnknown(_))));
    let absent = world.store.resolve(&Digest::of(b"absent").to_string());
    assert!(matches!(absent, Err(StoreError::ArtifactMissing(_))));
}

#[test]
fn an_ambiguous_prefix_says_how_many_it_fits() {
    let world = World::new();
    world.put(b"one");
    // an index with two digests that share five digits, as no test could make by hashing
    let path = world.path("store/index.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let entry = |digit: char| {
        let digest = format!("sha256:abcde{}", digit.to_string().repeat(59));
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":1}}"#
        )
    };
    let two = format!("[{},{},", entry('1'), entry('2'));
    std::fs::write(&path, text.replacen('[', &two, 1)).unwrap();
    let error = world.store.resolve("abcde").unwrap_err();
    assert!(matches!(error, StoreError::PrefixAmbiguous { count: 2, .. }), "{error}");
    assert!(world.store.resolve("abcde1").is_ok());
}

#[test]
fn collects_what_nothing_refers_to_and_nothing_else() {
    let world = World::new();
    let (kept, _) = world.put(b"kept");
    let (gone, _) = world.put(b"gone");
    let output = world.store.put_blob(b"an output", BlobDurability::Volatile).unwrap();
    let orphan = world.store.put_blob(b"an orphan", BlobDurability::Volatile).unwrap();
    world.store.remove(&gone.digest()).unwrap();
    assert!(matches!(world.store.remove(&gone.digest()), Err(StoreError::ArtifactMissing(_))));

    let report = world.store.gc([output.digest], NO_AGE, far_future()).unwrap();
    // the orphan, and manifest, config and content of the removed one
    assert_eq!(report.removed, 4);
    assert_eq!(report.kept, 4);
    assert!(!world.store.has_blob(&orphan.digest));
    assert!(world.store.has_blob(&output.digest));
    assert!(world.load(&gone).is_err());
    let loaded = world.load(&kept).unwrap();
    assert_eq!(world.store.read_content(&loaded).unwrap(), module(b"kept"));
}

#[test]
fn a_removed_artifact_is_gone_at_once_for_everybody() {
    let world = World::new();
    let (built, _) = world.put(b"gone");
    let digest = built.digest();
    let lenient = world.reopen(TrustPolicy::Off);
    let stores = [&world.store, &lenient];
    for store in stores {
        store.load_manifest(&digest, NOW).unwrap();
    }
    lenient.remove(&digest).unwrap();
    for store in stores {
        assert!(store.has_blob(&digest), "its blobs go with a collection");
        assert!(!store.is_listed(&digest));
        assert!(matches!(store.load_manifest(&digest, NOW), Err(StoreError::ArtifactMissing(_))));
        assert!(matches!(store.resolve(&digest.to_string()), Err(StoreError::ArtifactMissing(_))));
    }
    world.put_built(&built).unwrap();
    for store in stores {
        store.load_manifest(&digest, NOW).unwrap();
    }
}

#[test]
fn a_kept_manifest_keeps_its_blobs() {
    let world = World::new();
    let (built, _) = world.put(b"queued");
    world.store.remove(&built.digest()).unwrap();
    let report = world.store.gc([built.digest()], NO_AGE, far_future()).unwrap();
    assert_eq!((report.removed, report.kept), (0, 3));
}

#[test]
fn what_is_young_stays_and_touching_it_makes_it_young() {
    let world = World::new();
    let hour = Duration::from_secs(3600);
    let stored = world.store.put_blob(b"uploaded, not put yet", BlobDurability::Durable).unwrap();
    assert_eq!(world.store.gc([], hour, SystemTime::now()).unwrap().removed, 0);
    let path = world.blob_path(&stored.digest);
    std::fs::File::open(&path).unwrap().set_modified(SystemTime::now() - 2 * hour).unwrap();
    // a client that is told that the blob is there already relies on it
    world.store.put_blob(b"uploaded, not put yet", BlobDurability::Durable).unwrap();
    assert_eq!(world.store.gc([], hour, SystemTime::now()).unwrap().removed, 0);
    std::fs::File::open(&path).unwrap().set_modified(SystemTime::now() - 2 * hour).unwrap();
    assert_eq!(world.store.gc([], hour, SystemTime::now()).unwrap().removed, 1);
}

#[test]
fn an_open_blob_outlives_its_collection() {
    use std::io::Read as _;
    let world = World::new();
    let stored = world.store.put_blob(b"being read", BlobDurability::Volatile).unwrap();
    let (mut file, _) = world.store.open_blob(&stored.digest).unwrap();
    assert_eq!(world.store.gc([], NO_AGE, far_future()).unwrap().removed, 1);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "being read");
}

struct Stop<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_collection_among_puts_takes_nothing_that_was_acknowledged() {
    let world = World::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let store = world.store.clone();
        let done = &done;
        let collector = scope.spawn(move || {
            let mut removed = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                removed += store.gc([], Duration::from_secs(60), SystemTime::now()).unwrap().removed;
                std::thread::yield_now();
            }
            removed
        });
        // the collector ends however this ends
        let stop = Stop(done);
        let mut built = HashSet::new();
        for round in 0..40_u8 {
            // content that lies there unreferred since long: the put finds it, the collector wants it
            let stored = world.store.put_blob(&module(&[round]), BlobDurability::Volatile).unwrap();
            let file = world.store.open_blob(&stored.digest).map(|(file, _)| file);
            if let Ok(file) = file {
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
            let (artifact, _) = world.put(&[round]);
            built.insert(artifact.digest());
        }
        drop(stop);
        collector.join().unwrap();
        for digest in built {
            let loaded = world.store.load_manifest(&digest, NOW).unwrap();
            world.store.read_content(&loaded).unwrap();
        }
    });
}

#[test]
fn a_full_list_refuses_more_and_takes_them_after_a_removal() {
    let world = World::with(|options| options.max_artifacts = 2);
    let (first, _) = world.put(b"one");
    world.put(b"two");
    let third = upload(&world.store, &module(b"three"), "module", "1.0.0");
    assert!(matches!(world.put_built(&third), Err(StoreError::TooManyArtifacts(2))));
    assert!(!world.put_built(&first).unwrap().created, "what is there may be put again");
    world.store.remove(&first.digest()).unwrap();
    assert!(world.put_built(&third).unwrap().created);
}
