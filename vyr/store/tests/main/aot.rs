//! The cache of compiled code against files that are not as it wrote them.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use vyr_model::Digest;
use vyr_store::{AotCache, AotLookup, AotOptions, AotPut, StoreError};

use crate::fixture::flip_bit;

const ENGINE: &str = "wasmtime 48 x86_64 avx2";

fn cache(dir: &TempDir) -> AotCache {
    AotCache::open(dir.path().join("aot"), AotOptions::default()).unwrap()
}

fn code_files(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "cwasm"));
    paths.sort();
    paths
}

#[test]
fn what_is_put_is_found_by_artifact_and_engine_alone() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let artifact = Digest::of(b"a");
    assert_eq!(cache.get(&artifact, ENGINE).unwrap(), AotLookup::Miss);
    assert_eq!(cache.put(&artifact, ENGINE, b"code").unwrap(), AotPut::Stored);
    assert_eq!(cache.get(&artifact, ENGINE).unwrap(), AotLookup::Hit(b"code".to_vec()));
    assert_eq!(cache.get(&artifact, "wasmtime 49").unwrap(), AotLookup::Miss);
    assert_eq!(cache.get(&Digest::of(b"b"), ENGINE).unwrap(), AotLookup::Miss);
    // another process, the same folder
    let again = AotCache::open(cache.dir(), AotOptions::default()).unwrap();
    assert_eq!(again.get(&artifact, ENGINE).unwrap(), AotLookup::Hit(b"code".to_vec()));
}

#[test]
fn every_flipped_bit_and_every_truncation_is_seen_and_the_file_removed() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let artifact = Digest::of(b"a");
    cache.put(&artifact, ENGINE, b"code").unwrap();
    let [path] = <[PathBuf; 1]>::try_from(code_files(cache.dir())).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for torn in [true, false] {
            std::fs::write(&path, if torn { &whole[..at] } else { &whole[..] }).unwrap();
            if !torn {
                flip_bit(&path, at);
            }
            let found = cache.get(&artifact, ENGINE).unwrap();
            assert_eq!(found, AotLookup::Tampered { path: path.clone() }, "at {at}, torn {torn}");
            assert_eq!(cache.get(&artifact, ENGINE).unwrap(), AotLookup::Miss);
        }
    }
    cache.put(&artifact, ENGINE, b"code").unwrap();
    assert_eq!(cache.get(&artifact, ENGINE).unwrap(), AotLookup::Hit(b"code".to_vec()));
}

#[test]
fn code_of_another_artifact_engine_or_machine_is_not_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    cache.put(&a, ENGINE, b"code of a").unwrap();
    let from = code_files(cache.dir()).remove(0);
    cache.put(&b, ENGINE, b"code of b").unwrap();
    let to = code_files(cache.dir()).into_iter().find(|path| *path != from).unwrap();
    std::fs::copy(&from, &to).unwrap();
    assert!(matches!(cache.get(&b, ENGINE).unwrap(), AotLookup::Tampered { .. }));

    let elsewhere = tempfile::tempdir().unwrap();
    let other = self::cache(&elsewhere);
    std::fs::copy(&from, other.dir().join(from.file_name().unwrap())).unwrap();
    assert!(matches!(other.get(&a, ENGINE).unwrap(), AotLookup::Tampered { .. }));
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    for mode in [0o777, 0o770, 0o701, 0o750] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("aot");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = AotCache::open(&path, AotOptions::default()).unwrap_err();
        assert!(matches!(error, StoreError::Exposed { .. }), "{mode:o}: {error}");
    }
}

#[test]
fn a_key_that_others_may_read_is_refused_and_a_damaged_one_empties_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let cache = cache(&dir);
    cache.put(&Digest::of(b"a"), ENGINE, b"code").unwrap();
    let key = cache.dir().join("mac.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = AotCache::open(cache.dir(), AotOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::Exposed { .. }), "{error}");

    std::fs::write(&key, b"short").unwrap();
    let anew = AotCache::open(cache.dir(), AotOptions::default()).unwrap();
    assert_eq!(anew.get(&Digest::of(b"a"), ENGINE).unwrap(), AotLookup::Miss);
}

#[test]
fn the_least_recently_used_goes_first_and_the_whole_stays_within_its_bound() {
    let dir = tempfile::tempdir().unwrap();
    let options = AotOptions { max_bytes: 1000, ..AotOptions::default() };
    let cache = AotCache::open(dir.path().join("aot"), options).unwrap();
    let put = |name: &[u8]| cache.put(&Digest::of(name), ENGINE, &[0; 260]).unwrap();
    let hit = |name: &[u8]| matches!(cache.get(&Digest::of(name), ENGINE).unwrap(), AotLookup::Hit(_));
    for (index, name) in [&b"a"[..], b"b", b"c"].into_iter().enumerate() {
        put(name);
        // an hour and some minutes ago, in this order
        let used = SystemTime::now() - Duration::from_secs(3600) + Duration::from_secs(60 * index as u64);
        let path = code_files(cache.dir())
            .into_iter()
            .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&Digest::of(name).to_hex()));
        std::fs::File::open(path.unwrap()).unwrap().set_modified(used).unwrap();
    }
    assert!(hit(b"a"), "and is now the most recently used");
    put(b"d");
    assert_eq!([&b"a"[..], b"b", b"c", b"d"].map(hit), [true, false, true, true]);
    assert_eq!(cache.put(&Digest::of(b"e"), ENGINE, &[0; 1000]).unwrap(), AotPut::TooLarge);
    assert_eq!(code_files(cache.dir()).len(), 3);
}

#[test]
fn what_a_dead_writer_left_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let left = cache(&dir).dir().join("new-0123");
    std::fs::write(&left, b"half").unwrap();
    cache(&dir);
    assert!(!left.exists());
}
