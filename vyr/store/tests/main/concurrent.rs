//! Many writers at once.

use vyr_model::Digest;
use vyr_store::BlobDurability;

use crate::{
    fixture::{NOW, World, module},
    process,
};

#[test]
fn threads_that_put_the_same_and_different_artifacts_all_succeed() {
    let world = World::new();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let world = &world;
            scope.spawn(move || {
                for round in 0..20_u8 {
                    let own = [thread, round];
                    for body in [&own[..], &[round]] {
                        let (built, _) = world.put(body);
                        let loaded = world.load(&built).unwrap();
                        assert_eq!(world.store.read_content(&loaded).unwrap(), module(body));
                    }
                }
            });
        }
    });
    let listed = world.store.list(NOW).unwrap();
    assert_eq!(listed.len(), 8 * 20 + 20);
    assert!(listed.iter().all(|line| line.artifact.is_ok()));
}

#[test]
fn one_of_many_writers_of_a_blob_creates_it() {
    let world = World::new();
    for size in [100, 300_000] {
        let created: usize = std::thread::scope(|scope| {
            let put = || {
                let stored = world.store.put_blob(&vec![9; size], BlobDurability::Volatile).unwrap();
                usize::from(stored.created)
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(put)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(created, 1);
    }
}

#[test]
fn processes_that_put_into_one_store_lose_nothing() {
    let world = World::new();
    let children: Vec<_> = (1..=4).map(|seed| process::putter(world.dir.path(), seed, 30)).collect();
    let mut all: Vec<Digest> = Vec::new();
    for mut child in children {
        all.extend(process::acknowledged(child.stdout.take().unwrap()));
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(all.len(), 4 * 30);
    all.sort_unstable();
    all.dedup();
    let mut listed: Vec<_> = world.store.list(NOW).unwrap().iter().map(|line| line.digest).collect();
    listed.sort_unstable();
    assert_eq!(listed, all);
    for digest in all {
        let loaded = world.store.load_manifest(&digest, NOW).unwrap();
        world.store.read_content(&loaded).unwrap();
    }
}
