//! A disk that has no room left.

use std::{path::Path, process::Command};

use vyr_model::Digest;
use vyr_store::{
    AotCache, AotLookup, AotOptions, BlobDurability, LOCAL_KEY_NAME, Store, StoreError, StoreOptions,
    Untrusted,
};

use crate::{
    fixture::{NOW, World, module, upload},
    process,
};

const DISK: &str = "VYR_STORE_TEST_DISK";

/// Runs a child test behind a shell line that sets up its surroundings and ends in `exec "$@"`.
fn behind(shell: &[&str], line: &str, test: &str, dir: &Path) {
    let child = process::child(test);
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["sh", "-c", line, "sh"]).arg(child.get_program()).args(child.get_args());
    let output = command.env(DISK, dir).output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_full_disk_damages_nothing_and_works_again_after_a_collection() {
    // a small file system of its own: as root, or in a user namespace where the system allows those
    let ways: [&[&str]; 2] = [&["unshare", "--mount"], &["unshare", "--user", "--map-root-user", "--mount"]];
    let allowed = |way: &&&[&str]| {
        let mount = ["sh", "-c", "mount -t tmpfs none /mnt"];
        Command::new(way[0]).args(&way[1..]).args(mount).output().is_ok_and(|output| output.status.success())
    };
    let Some(way) = ways.iter().find(allowed) else {
        // what a person's machine does not allow is told; a gate that leaves it out has failed
        let why = "mounting a small file system needs root or user namespaces";
        assert!(std::env::var_os("CI").is_none(), "not tested: {why}");
        eprintln!("NOT TESTED: {why}");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let line = format!("mount -t tmpfs -o size=4m,mode=700 none \"${DISK}\" && exec \"$@\"");
    behind(way, &line, "no_room::fills_a_small_disk", dir.path());
}

#[test]
#[ignore = "the child process of the full disk test"]
fn fills_a_small_disk() {
    let disk = std::env::var_os(DISK).unwrap();
    let disk = Path::new(&disk);
    let open = || Store::open(disk.join("store"), StoreOptions::new(disk.join("trust"))).unwrap();
    let store = open();
    let key = store.trust().local_key(&disk.join("keys/local.pem")).unwrap().secret;
    let put = |store: &Store, body: &[u8]| -> Result<_, StoreError> {
        let content = store.put_blob(&module(body), BlobDurability::Durable)?;
        let draft = vyr_model::ManifestDraft::new(vyr_model::ArtifactKind::Module, "m", "1");
        let built = draft.build(content.digest, content.size).unwrap();
        store.put_blob(&built.config, BlobDurability::Durable)?;
        store.put_artifact(&built.digest(), &built.manifest, key.sign(&built.manifest).as_bytes(), NOW)?;
        Ok(built)
    };
    let first = put(&store, b"before").unwrap();
    let cache = AotCache::open(disk.join("aot"), AotOptions::default()).unwrap();
    cache.put(&first.digest(), "engine", b"code").unwrap();

    // to the last page, at every size of write
    for size in [1 << 20, 1 << 16, 4096, 1] {
        let refused = (0_u64..).find_map(|index| {
            let bytes = [&index.to_le_bytes()[..], &size.to_string().into_bytes(), &vec![1; size]].concat();
            store.put_blob(&bytes, BlobDurability::Durable).err()
        });
        assert!(matches!(refused, Some(StoreError::DiskFull { .. })), "{refused:?}");
    }
    let is_full = |error: StoreError| assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    is_full(put(&store, &[2; 100_000]).unwrap_err());
    is_full(cache.put(&first.digest(), "engine", &[3; 100_000]).unwrap_err());
    is_full(store.remove(&first.digest()).unwrap_err());
    is_full(store.trust().revoke(LOCAL_KEY_NAME).unwrap_err());

    // what was there is whole, for this handle and for one that opens now
    for store in [&store, &open()] {
        let loaded = store.load_manifest(&first.digest(), NOW).unwrap();
        assert_eq!(store.read_content(&loaded).unwrap(), module(b"before"));
        assert_eq!(store.list(NOW).unwrap().len(), 1);
    }
    assert_eq!(cache.get(&first.digest(), "engine").unwrap(), AotLookup::Hit(b"code".to_vec()));
    for entry in std::fs::read_dir(disk.join("store/blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let digest = Digest::of(&std::fs::read(&path).unwrap()).to_hex();
        assert_eq!(path.file_name().unwrap().to_str(), Some(&digest[..]));
    }

    // the mend that the error names
    let far = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    assert!(store.gc([], std::time::Duration::ZERO, far).unwrap().removed > 0);
    put(&store, b"after").unwrap();
    store.trust().revoke(LOCAL_KEY_NAME).unwrap();
    let error = store.load_manifest(&first.digest(), NOW).unwrap_err();
    assert!(matches!(error, StoreError::Untrusted { source: Untrusted::Revoked(_), .. }));
}

#[test]
fn a_limit_on_file_size_is_reported_like_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    // needs no rights at all: every write beyond 128 KiB (256 in some shells) fails half way
    let line = "trap '' XFSZ; ulimit -f 256; exec \"$@\"";
    behind(&["env"], line, "no_room::writes_beyond_a_limit", dir.path());
}

#[test]
#[ignore = "the child process of the file size test"]
fn writes_beyond_a_limit() {
    let world = World::new();
    let (built, _) = world.put(b"before");
    for size in [600_000, 2_000_000] {
        let error = world.store.put_blob(&vec![1; size], BlobDurability::Durable).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        let mut writer = world.store.blob_writer(BlobDurability::Volatile);
        let refused = (0..size / 1000).find_map(|_| writer.append(&[1; 1000]).err());
        assert!(matches!(refused, Some(StoreError::DiskFull { .. })), "{refused:?}");
        assert!(writer.commit(None).is_err(), "a blob with a part missing is never committed");
    }
    let temporary = std::fs::read_dir(world.path("store/vyr/tmp")).unwrap().flat_map(|entry| {
        std::fs::read_dir(entry.unwrap().path()).unwrap().map(|entry| entry.unwrap().file_name())
    });
    assert_eq!(temporary.collect::<Vec<_>>(), ["owner"]);
    world.load(&built).unwrap();
    upload(&world.store, &module(b"after"), "m", "1");
}
