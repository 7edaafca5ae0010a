use serde::{Deserialize, Serialize};

use super::{ArtifactKind, MAX_MANIFEST_BYTES, Manifest, ManifestError, wire::Object};
use crate::Digest;

/// The time that stands in what we make, so that the same file gives the same digest everywhere.
pub(super) const FIXED_TIME: &str = "1970-01-01T00:00:00Z";
const ARCHITECTURE: &str = "wasm";
/// OCI's empty config.
pub(super) const EMPTY_CONFIG: &[u8] = b"{}";

/// A Wasm artifact's config blob (CNCF Wasm OCI artifact, config v0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WasmConfig {
    /// When the config was made; a fixed time in those that we make.
    pub created: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Always `wasm`.
    pub architecture: String,
    /// `wasip2` for a component, `wasip1` for a core module.
    pub os: String,
    /// The digest of the one layer.
    pub layer_digests: Vec<Digest>,
    /// What the component imports and exports; carried, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentInterface>,
}

/// What a component imports and exports, as its maker's tool wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComponentInterface {
    /// Names of exports.
    pub exports: Vec<String>,
    /// Names of imports.
    pub imports: Vec<String>,
    /// The world that the component targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

const fn os(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Component => "wasip2",
        ArtifactKind::Module => "wasip1",
        ArtifactKind::Oci | ArtifactKind::Container => "linux",
    }
}

impl WasmConfig {
    /// Makes the config of a `kind` whose content is `layer`.
    pub(super) fn new(kind: ArtifactKind, layer: Digest) -> Self {
        Self {
            created: FIXED_TIME.to_owned(),
            author: None,
            architecture: ARCHITECTURE.to_owned(),
            os: os(kind).to_owned(),
            layer_digests: vec![layer],
            component: None,
        }
    }

    /// Reads a config blob.
    ///
    /// # Errors
    /// When it is too large or not strictly a Wasm config.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::ConfigJson(format!("it has more than {MAX_MANIFEST_BYTES} bytes")));
        }
        let config: Result<Object<Self>, _> = serde_json::from_slice(bytes);
        config.map(|config| config.0).map_err(|error| ManifestError::ConfigJson(error.to_string()))
    }
}

impl Manifest {
    /// Checks that a config blob says what the manifest says. A container image's config is not read.
    ///
    /// # Errors
    /// When it cannot be read, or differs.
    pub fn check_config(&self, bytes: &[u8]) -> Result<(), ManifestError> {
        let Some(content) = self.content() else { return Ok(()) };
        if self.kind == ArtifactKind::Container {
            let wrong = || ManifestError::ConfigJson("a container job's config is exactly `{}`".to_owned());
            return if bytes == EMPTY_CONFIG { Ok(()) } else { Err(wrong()) };
        }
        let config = WasmConfig::parse(bytes)?;
        let differs = |field, found: &str, expected: &str| {
            let (found, expected) = (found.to_owned(), expected.to_owned());
            Err(ManifestError::ConfigDiffers { field, found, expected })
        };
        if config.architecture != ARCHITECTURE {
            return differs("architecture", &config.architecture, ARCHITECTURE);
        }
        if config.os != os(self.kind) {
            return differs("os", &config.os, os(self.kind));
        }
        if config.layer_digests != [content.digest] {
            let found: Vec<_> = config.layer_digests.iter().map(Digest::to_string).collect();
            return differs("layerDigests", &found.join(", "), &content.digest.to_string());
        }
        Ok(())
    }
}
