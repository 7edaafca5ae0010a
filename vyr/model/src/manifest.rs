//! An artifact's manifest: an OCI image manifest, read strictly.
//!
//! ```text
//! bytes ─► wire (JSON, no unknown field, no key twice) ─► Manifest ─► what the store checks and the node runs
//! ManifestDraft ─► annotations ─► wire ─► canonical bytes (the same draft gives the same bytes everywhere)
//! ```
//!
//! A Wasm artifact has the CNCF form: a config of type [`WASM_CONFIG_TYPE`] and exactly one layer
//! of type [`WASM_LAYER_TYPE`]; what VYR adds stands in annotations. A container job has OCI's empty config
//! ([`EMPTY_CONFIG_TYPE`]) and one layer of type [`CONTAINER_LAYER_TYPE`]. Any other OCI image is kind
//! [`ArtifactKind::Oci`].

mod annotation;
mod config;
mod declare;
mod draft;
mod error;
mod parse;
mod preamble;
#[cfg(test)]
mod tests;
mod wire;

pub use config::{ComponentInterface, WasmConfig};
pub use declare::{DeclareError, DefaultLimits, StateClass, StateDeclaration, Want};
pub use draft::{BuiltManifest, ManifestDraft, artifact_name};
pub use error::ManifestError;

use crate::Digest;

/// The most bytes a manifest, or a Wasm config, may have.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;
/// The media type of an OCI image manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of a Wasm artifact's config.
pub const WASM_CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The media type of a Wasm artifact's one layer.
pub const WASM_LAYER_TYPE: &str = "application/wasm";
/// The media type of OCI's empty config, `{}`: a container job's.
pub const EMPTY_CONFIG_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// The media type of a container job's one layer: what runs in which image.
pub const CONTAINER_LAYER_TYPE: &str = "application/vnd.cyxwiz.container.v1+json";
/// The media type of a container image's config.
pub const IMAGE_CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// The media types of a container image's layers.
pub const IMAGE_LAYER_TYPES: [&str; 2] =
    ["application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip"];

/// What an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArtifactKind {
    /// A Wasm component (`wasi:cli/run`).
    Component,
    /// A core Wasm module for WASI preview 1.
    Module,
    /// A container image.
    Oci,
    /// A job in a container: names an image that a container engine has.
    Container,
}

/// Points at a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// What the blob is.
    pub media_type: String,
    /// The blob's address.
    pub digest: Digest,
    /// The blob's length in bytes.
    pub size: u64,
}

/// A manifest that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What the artifact is.
    pub kind: ArtifactKind,
    /// Its name (`org.opencontainers.image.title`); all but a container image always have one.
    pub name: Option<String>,
    /// Its version (`org.opencontainers.image.version`); all but a container image always have one.
    pub version: Option<String>,
    /// The config blob.
    pub config: Descriptor,
    /// The layers: exactly one but for a container image.
    pub layers: Vec<Descriptor>,
    /// The states that the program binds, by binding name.
    pub states: Vec<StateDeclaration>,
    /// The limits that apply where a submit names none.
    pub limits: DefaultLimits,
    /// What the program asks to be granted; declares, grants nothing.
    pub wants: Vec<Want>,
}

impl Manifest {
    /// Returns the program's (or the job's) own blob; `None` for a container image.
    pub fn content(&self) -> Option<&Descriptor> {
        match self.kind {
            ArtifactKind::Component | ArtifactKind::Module | ArtifactKind::Container => self.layers.first(),
            ArtifactKind::Oci => None,
        }
    }

    /// Returns every blob that the manifest names: the config, then the layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

impl ArtifactKind {
    /// Returns the name used in the manifest, the API and on screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Module => "module",
            Self::Oci => "oci",
            Self::Container => "container",
        }
    }
}

impl std::fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
