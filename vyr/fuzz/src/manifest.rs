//! A manifest, and a Wasm config, from arbitrary bytes.

use vyr_model::{ArtifactKind, Limits, Manifest, WasmConfig};

/// Takes one input.
pub fn run(data: &[u8]) {
    let _ = WasmConfig::parse(data);
    let Ok(manifest) = Manifest::parse(data) else { return };
    // what was accepted keeps what the store and the node rely on
    assert!(manifest.blobs().count() == manifest.layers.len() + 1);
    if manifest.kind == ArtifactKind::Oci {
        assert!(manifest.content().is_none());
    } else {
        assert!(manifest.layers.len() == 1 && manifest.name.is_some() && manifest.version.is_some());
    }
    let _ = manifest.limits.over(Limits::default());
    let _ = manifest.check_content(data);
    let _ = manifest.check_config(data);
    for want in &manifest.wants {
        let _ = want.to_string();
    }
}
