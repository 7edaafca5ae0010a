//! What each step of a warm, a cold and an unseen run costs in the store: P50 and P99 in microseconds.

#![expect(clippy::unwrap_used, reason = "a measurement ends where its assumption does")]

use std::{
    hint::black_box,
    time::{Duration, Instant, SystemTime},
};

use vyr_model::{ArtifactKind, Digest, ManifestDraft};
use vyr_store::{AotCache, AotLookup, AotOptions, BlobDurability, Store, StoreOptions};

const CONTENT: usize = 100_000;
const CODE: usize = 500_000;

fn measure(name: &str, count: u32, mut step: impl FnMut(u32)) {
    let mut times: Vec<Duration> = (0..count)
        .map(|index| {
            let started = Instant::now();
            step(index);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).unwrap().as_nanos() as f64 / 1000.0;
    println!("{name:<44} P50 {:>9.1} µs   P99 {:>9.1} µs   n {count}", at(50), at(99));
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store"), StoreOptions::new(dir.path().join("trust"))).unwrap();
    let key = store.trust().local_key(&dir.path().join("keys/local.pem")).unwrap().secret;
    let now = SystemTime::now();

    let upload = |seed: u32| {
        let mut content = b"\0asm\x01\0\0\0".to_vec();
        content.extend(seed.to_le_bytes());
        content.resize(CONTENT, 7);
        let content = store.put_blob(&content, BlobDurability::Durable).unwrap();
        let built = ManifestDraft::new(ArtifactKind::Module, "bench", "1")
            .build(content.digest, content.size)
            .unwrap();
        store.put_blob(&built.config, BlobDurability::Durable).unwrap();
        built
    };
    let put = |built: &vyr_model::BuiltManifest| {
        let signature = key.sign(&built.manifest);
        store.put_artifact(&built.digest(), &built.manifest, signature.as_bytes(), now).unwrap()
    };
    let built = upload(u32::MAX);
    put(&built);
    let digest = built.digest();
    let cache = AotCache::open(dir.path().join("aot"), AotOptions::default()).unwrap();
    let code: Vec<u8> = (0..CODE).map(|index| (index % 251) as u8).collect();
    cache.put(&digest, "engine", &code).unwrap();
    let artifact = store.load_manifest(&digest, now).unwrap();
    // files this young are read again at each question
    std::thread::sleep(Duration::from_millis(200));

    measure("check_trust (warm)", 20_000, |_| store.check_trust(&artifact, now).unwrap());
    measure("load_manifest (cold)", 5_000, |_| drop(black_box(store.load_manifest(&digest, now).unwrap())));
    measure("AotCache::get, 500 kB (cold)", 3_000, |_| {
        assert!(matches!(cache.get(&digest, "engine").unwrap(), AotLookup::Hit(_)));
    });
    measure("read_content, 100 kB (unseen)", 3_000, |_| {
        drop(black_box(store.read_content(&artifact).unwrap()))
    });
    measure("put_blob, 200 B, new, volatile (output)", 5_000, |index| {
        store
            .put_blob(&[[index.to_le_bytes(); 50].concat(), vec![1]].concat(), BlobDurability::Volatile)
            .unwrap();
    });
    measure("put_blob, 200 B, known, volatile (output)", 5_000, |_| {
        store.put_blob(&[5; 200], BlobDurability::Volatile).unwrap();
    });
    measure("put_blob, 200 B, new, durable", 500, |index| {
        store
            .put_blob(&[[index.to_le_bytes(); 50].concat(), vec![2]].concat(), BlobDurability::Durable)
            .unwrap();
    });
    let uploaded: Vec<_> = (0..200).map(upload).collect();
    measure("put_artifact, 100 kB, blobs there", 200, |index| {
        assert!(put(uploaded.get(index as usize).unwrap()).created);
    });
    measure("resolve, 12 digits among 200", 1_000, |_| {
        let prefix: String = digest.to_hex().chars().take(12).collect();
        assert_eq!(store.resolve(&prefix).unwrap(), digest);
    });
    measure("sha256, 500 kB, in memory", 1_000, |_| {
        black_box(Digest::of(&code));
    });
}
