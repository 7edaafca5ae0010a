//! Opening folders that are not as a store left them.

use std::time::{Duration, Instant};

use vyr_store::{BlobDurability, Store, StoreError, StoreOptions, TrustPolicy};

use crate::fixture::{NOW, World};

fn options(world: &World) -> StoreOptions {
    world.store.options().clone()
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let world = World::new();
    let dir = world.path("documents");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("letter.txt"), "dear").unwrap();
    assert!(matches!(Store::open(&dir, options(&world)), Err(StoreError::NotAStore(_))));
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
}

#[test]
fn a_layout_of_another_version_is_refused() {
    let world = World::new();
    for text in [r#"{"imageLayoutVersion":"2.0.0"}"#, "", "{}"] {
        std::fs::write(world.path("store/oci-layout"), text).unwrap();
        let opened = Store::open(world.store.dir(), options(&world));
        assert!(matches!(opened, Err(StoreError::LayoutVersion(_))), "{text}");
    }
}

#[test]
fn a_damaged_index_is_refused_and_its_mend_works() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let index = world.path("store/index.json");
    std::fs::write(&index, "{\"schemaVersion\":2,\"manif").unwrap();
    assert!(matches!(world.store.list(NOW), Err(StoreError::Index { .. })));
    assert!(matches!(world.put_built(&built), Err(StoreError::Index { .. })));
    assert!(matches!(world.store.gc([], Duration::ZERO, NOW), Err(StoreError::Index { .. })));
    // it does not keep anything from running
    world.load(&built).unwrap();

    std::fs::remove_file(&index).unwrap();
    let again = world.reopen(TrustPolicy::Require);
    let listed = again.list(NOW).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].digest, built.digest());
    assert_eq!(listed[0].reference.as_deref(), Some("module:1.0.0"));
}

#[test]
fn a_store_whose_making_was_cut_short_is_completed() {
    let world = World::new();
    let steps = ["vyr", "vyr/tmp", "oci-layout", "blobs/sha256", "vyr/signatures"];
    for count in 0..=steps.len() {
        let dir = world.path(&format!("cut-{count}"));
        std::fs::create_dir(&dir).unwrap();
        for step in &steps[..count] {
            match *step {
                "oci-layout" => {
                    std::fs::copy(world.path("store/oci-layout"), dir.join(step)).unwrap();
                }
                step => std::fs::create_dir_all(dir.join(step)).unwrap(),
            }
        }
        if count > 1 {
            std::fs::write(dir.join("vyr/tmp/new"), "{\"imageLay").unwrap();
        }
        let store = Store::open(&dir, options(&world)).unwrap();
        store.put_blob(b"works", BlobDurability::Durable).unwrap();
        assert!(store.list(NOW).unwrap().is_empty());
    }
}

#[test]
fn what_dead_processes_left_is_swept_and_what_the_living_write_is_not() {
    let world = World::new();
    let mut writer = world.store.blob_writer(BlobDurability::Durable);
    writer.append(&[7; 100_000]).unwrap();
    let left = world.path("store/vyr/tmp/0123456789abcdef");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("0"), [1; 1000]).unwrap();
    let again = world.reopen(TrustPolicy::Require);
    assert!(!left.exists());
    let stored = writer.commit(None).unwrap();
    assert_eq!(again.read_blob(&stored.digest, 100_000).unwrap(), [7; 100_000]);
}

#[test]
fn a_lock_that_is_not_given_back_ends_in_an_error_that_names_it() {
    let world = World::with(|options| options.lock_timeout = Duration::from_millis(50));
    let (built, _) = world.put(b"body");
    let lock = std::fs::File::open(world.path("store/vyr/lock")).unwrap();
    lock.lock().unwrap();
    let started = Instant::now();
    let error = world.store.remove(&built.digest()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    // reading needs no lock
    let loaded = world.load(&built).unwrap();
    world.store.read_content(&loaded).unwrap();
    // nor does a new blob, nor opening
    world.store.put_blob(b"new", BlobDurability::Durable).unwrap();
    world.reopen(TrustPolicy::Require);
    lock.unlock().unwrap();
    world.store.remove(&built.digest()).unwrap();
}
