//! Puts that end by `kill -9` at any point.

use std::time::Duration;

use vyr_model::Digest;
use vyr_store::{Store, StoreOptions};

use crate::{
    fixture::{NOW, World},
    process,
};

/// Kills `rounds` writers, one after the other, in the same store, and looks after each what is left.
pub(crate) fn survive(rounds: u64) {
    let world = World::new();
    let mut all: Vec<Digest> = Vec::new();
    let mut interrupted = 0;
    for round in 0..rounds {
        let mut child = process::putter(world.dir.path(), round + 1, 10_000);
        let stdout = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || process::acknowledged(stdout));
        // from before the first put to some dozens in, never the same twice
        let pause = Duration::from_micros(10_000 + (round * 104_729) % 250_000);
        std::thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap();
        all.extend(reader.join().unwrap());

        interrupted += left_behind(&world);
        let store = Store::open(world.store.dir(), StoreOptions::new(world.path("trust"))).unwrap();
        assert_eq!(left_behind(&world), 0, "the sweep leaves nothing of the dead");
        check(&store, &all);
    }
    assert!(all.len() as u64 > rounds, "the children did their work: {} puts", all.len());
    assert!(interrupted > 0, "no child was killed in the middle of a write: the test shows nothing");
    world.store.gc([], Duration::ZERO, std::time::SystemTime::now() + Duration::from_secs(60)).unwrap();
    check(&world.store, &all);
}

/// Counts the temporary folders of processes that are gone.
fn left_behind(world: &World) -> usize {
    // the world's own store has written nothing, hence has none
    std::fs::read_dir(world.path("store/vyr/tmp")).unwrap().count()
}

fn check(store: &Store, acknowledged: &[Digest]) {
    let listed = store.list(NOW).unwrap();
    for line in &listed {
        let artifact = line.artifact.as_ref().unwrap();
        assert!(artifact.trust.signer().is_some(), "{} is listed without its signature", line.digest);
    }
    for digest in acknowledged {
        assert!(
            listed.iter().any(|line| line.digest == *digest),
            "{digest} was acknowledged and is not listed"
        );
        let loaded = store.load_manifest(digest, NOW).unwrap();
        store.read_content(&loaded).unwrap();
    }
}

#[test]
fn every_acknowledged_put_survives_kill_9_and_the_store_opens_clean() {
    survive(40);
}
