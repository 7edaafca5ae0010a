//! Writing and reading bytes by digest.

use std::io::{Seek as _, SeekFrom, Write as _};

use vyr_model::Digest;
use vyr_store::{BlobDurability, StoreError};

use crate::fixture::{World, files_below};

// around the size at which a blob becomes a file before its commit
const SIZES: [usize; 8] = [0, 1, 1000, 65_535, 65_536, 65_537, 200_000, 1_000_000];

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index * 31 % 251) as u8).collect()
}

#[test]
fn every_size_in_every_portion_reads_back_equal() {
    let world = World::new();
    for (size, portion) in
        SIZES.into_iter().flat_map(|size| [7_usize, 65_536, 1 << 20].map(|portion| (size, portion)))
    {
        let mut bytes = pattern(size);
        bytes.extend(portion.to_le_bytes());
        let mut writer = world.store.blob_writer(BlobDurability::Volatile);
        for chunk in bytes.chunks(portion) {
            writer.write_all(chunk).unwrap();
        }
        assert_eq!(writer.size(), bytes.len() as u64);
        let stored = writer.commit(Some(&Digest::of(&bytes))).unwrap();
        assert!(stored.created);
        assert_eq!(world.store.read_blob(&stored.digest, u64::MAX).unwrap(), bytes, "{size} by {portion}");
        assert_eq!(std::fs::read(world.blob_path(&stored.digest)).unwrap(), bytes);
    }
}

#[test]
fn what_is_not_committed_leaves_nothing() {
    let world = World::new();
    world.store.put_blob(b"first", BlobDurability::Durable).unwrap();
    let before = files_below(world.store.dir());
    for size in SIZES {
        let mut writer = world.store.blob_writer(BlobDurability::Durable);
        writer.append(&pattern(size)).unwrap();
        drop(writer);
        let mut writer = world.store.blob_writer(BlobDurability::Durable);
        writer.append(&pattern(size)).unwrap();
        let error = writer.commit(Some(&Digest::of(b"another"))).unwrap_err();
        assert!(matches!(error, StoreError::DigestMismatch { .. }), "{error}");
    }
    let after = files_below(world.store.dir());
    let blobs = |files: &[(std::path::PathBuf, Vec<u8>)]| {
        files.iter().filter(|(path, _)| !path.ends_with("owner")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(blobs(&after), blobs(&before));
}

#[test]
fn a_blob_that_is_there_is_not_written_again() {
    use std::os::unix::fs::MetadataExt as _;
    let world = World::new();
    for size in [10, 200_000] {
        let first = world.store.put_blob(&pattern(size), BlobDurability::Volatile).unwrap();
        let inode = || std::fs::metadata(world.blob_path(&first.digest)).unwrap().ino();
        let before = inode();
        let again = world.store.put_blob(&pattern(size), BlobDurability::Durable).unwrap();
        assert_eq!((again.digest, again.created), (first.digest, false));
        assert_eq!(inode(), before);
    }
}

#[test]
fn a_blob_above_the_limit_is_refused_at_the_first_byte_too_many() {
    let world = World::with(|options| options.max_blob_bytes = 100_000);
    let mut writer = world.store.blob_writer(BlobDurability::Durable);
    writer.append(&pattern(100_000)).unwrap();
    assert!(matches!(writer.append(b"x"), Err(StoreError::BlobTooLarge { limit: 100_000 })));
    assert!(writer.commit(None).is_err(), "a blob with a part missing is never committed");
    assert!(world.store.put_blob(&pattern(100_000), BlobDurability::Durable).is_ok());
}

#[test]
fn a_read_is_bounded_too() {
    let world = World::new();
    let stored = world.store.put_blob(&pattern(1000), BlobDurability::Durable).unwrap();
    assert!(matches!(
        world.store.read_blob(&stored.digest, 999),
        Err(StoreError::BlobTooLarge { limit: 999 })
    ));
}

#[test]
fn an_open_blob_is_a_file_that_can_be_read_in_ranges() {
    use std::io::Read as _;
    let world = World::new();
    let stored = world.store.put_blob(&pattern(1000), BlobDurability::Durable).unwrap();
    let (mut file, size) = world.store.open_blob(&stored.digest).unwrap();
    assert_eq!(size, 1000);
    file.seek(SeekFrom::Start(990)).unwrap();
    let mut end = Vec::new();
    file.read_to_end(&mut end).unwrap();
    assert_eq!(end, pattern(1000)[990..]);
    assert!(matches!(world.store.open_blob(&Digest::of(b"none")), Err(StoreError::BlobMissing(_))));
}

#[test]
fn a_link_under_a_blobs_name_is_not_followed() {
    let world = World::new();
    let outside = world.path("outside");
    std::fs::write(&outside, b"secret").unwrap();
    let digest = Digest::of(b"secret");
    std::os::unix::fs::symlink(&outside, world.blob_path(&digest)).unwrap();
    assert!(world.store.open_blob(&digest).is_err());
    assert!(!world.store.has_blob(&digest));
}

#[test]
fn a_growing_blob_can_be_followed_from_any_offset() {
    let world = World::new();
    let bytes = pattern(300_000);
    let mut writer = world.store.blob_writer(BlobDurability::Volatile);
    for (n, chunk) in bytes.chunks(10_007).enumerate() {
        writer.append(chunk).unwrap();
        let size = usize::try_from(writer.size()).unwrap();
        let mut read = Vec::new();
        while read.len() < size {
            let more = writer.read_at(read.len() as u64, 4096 + n).unwrap();
            assert!(!more.is_empty(), "nothing at {} of {size}", read.len());
            read.extend(more);
        }
        assert!(read == bytes[..size], "after {size} bytes");
        assert!(writer.read_at(size as u64, 10).unwrap().is_empty());
    }
}
