//! What takes longer.

use std::io::Write as _;

use vyr_model::{ArtifactKind, ManifestDraft};
use vyr_store::BlobDurability;

use crate::fixture::{World, module};

#[test]
fn content_of_one_gibibyte_is_put_verified_and_read() {
    const SIZE: usize = 1 << 30;
    let world = World::new();
    let mut writer = world.store.blob_writer(BlobDurability::Durable);
    writer.write_all(&module(b"")).unwrap();
    let chunk = vec![0; 1 << 20];
    while writer.size() < SIZE as u64 {
        let rest = SIZE - usize::try_from(writer.size()).unwrap();
        writer.write_all(&chunk[..rest.min(chunk.len())]).unwrap();
    }
    let content = writer.commit(None).unwrap();
    let built =
        ManifestDraft::new(ArtifactKind::Module, "huge", "1").build(content.digest, content.size).unwrap();
    world.store.put_blob(&built.config, BlobDurability::Durable).unwrap();
    assert!(world.put_built(&built).unwrap().created);
    let loaded = world.load(&built).unwrap();
    assert_eq!(world.store.read_content(&loaded).unwrap().len(), SIZE);
}

#[test]
fn four_hundred_kills_lose_nothing() {
    crate::crash::survive(400);
}
