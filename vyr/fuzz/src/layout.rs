//! A store over an arbitrary `oci-layout` and `index.json`, with one arbitrary blob.
//!
//! The input is three parts with a byte 0xff between two: `oci-layout`, `index.json`, a blob. `@` in the
//! index becomes the blob's digest, which no fuzzer would find. An absent first part is a valid
//! `oci-layout`.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use vyr_model::Digest;
use vyr_store::{Index, Store, StoreOptions};

const VALID_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Takes one input; `home` is a folder of its own.
pub fn run(home: &Path, data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0xff);
    let (layout, index, blob) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let digest = Digest::of(blob);
    let index = String::from_utf8_lossy(index.unwrap_or_default()).replace('@', &digest.to_string());
    let layout = layout.filter(|layout| !layout.is_empty()).unwrap_or(VALID_LAYOUT);

    let root = home.join("store");
    let options = || StoreOptions::new(home.join("trust"));
    if !root.join("vyr/signatures").is_dir() {
        Store::open(&root, options()).expect("an empty folder becomes a store");
    }
    fs::write(root.join("oci-layout"), layout).expect("a write");
    fs::write(root.join("index.json"), &index).expect("a write");
    fs::write(root.join("blobs/sha256").join(digest.to_hex()), blob).expect("a write");

    if let Ok(parsed) = Index::parse(index.as_bytes()) {
        let again = Index::parse(&parsed.to_bytes()).expect("what we write we read");
        assert!(again == parsed, "writing changed the index");
    }
    let Ok(store) = Store::open(&root, options()) else { return };
    let now = SystemTime::now();
    if let Ok(listed) = store.list(now) {
        for entry in listed {
            // nothing is signed here: nothing may be let run
            assert!(store.load_manifest(&entry.digest, now).is_err());
            let _ = store.resolve(&entry.digest.to_hex()[..12]);
        }
    }
    let _ = store.gc([], Duration::ZERO, now + Duration::from_secs(3600));
}
