use super::{ArtifactKind, MAX_MANIFEST_BYTES};

/// Why a manifest, its config or its content is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// More than [`MAX_MANIFEST_BYTES`].
    #[error("the manifest has {0} bytes, more than {MAX_MANIFEST_BYTES}: shorten its annotations")]
    TooLarge(usize),
    /// Not JSON, an unknown field, a missing field, a field twice, or a value of the wrong type.
    // the text stands in the message, so it is no `#[source]`: it names the field
    #[error("the manifest is not a strict OCI image manifest: {0}")]
    Json(String),
    /// `schemaVersion` is not 2.
    #[error("schemaVersion {0} is not known: use 2")]
    SchemaVersion(u32),
    /// `mediaType` is absent (Wasm) or another.
    #[error(
        "mediaType `{0}` is not an OCI image manifest: convert the image, `skopeo copy --format oci` does it"
    )]
    MediaType(String),
    /// The config is neither a Wasm config nor an image config.
    #[error(
        "config mediaType `{0}` is not known: use `application/vnd.wasm.config.v0+json` for Wasm, \
         `application/vnd.oci.image.config.v1+json` for a container image or \
         `application/vnd.oci.empty.v1+json` for a container job"
    )]
    ConfigMediaType(String),
    /// A Wasm artifact, or a container job, has not exactly one layer.
    #[error("the artifact has {0} layers, not exactly one: put one artifact for each program")]
    LayerCount(usize),
    /// A layer is of a type that is not accepted.
    #[error("layer {index} has mediaType `{media_type}`: use {expected}")]
    LayerMediaType {
        /// The layer's position, from 0.
        index: usize,
        /// What it says.
        media_type: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// A needed annotation is absent.
    #[error("annotation `{0}` is missing: add it")]
    AnnotationMissing(&'static str),
    /// An annotation under `dev.vyr.` that has no meaning.
    #[error(
        "annotation `{0}` is not known: correct its spelling, or use your own prefix in place of `dev.vyr.`"
    )]
    AnnotationUnknown(String),
    /// An annotation's value has no meaning.
    #[error("annotation `{key}` is `{value}`: write {expected}")]
    AnnotationValue {
        /// The annotation.
        key: String,
        /// What it says.
        value: String,
        /// What it should say.
        expected: &'static str,
    },
    /// The kind and the config's media type do not go together.
    #[error("kind `{kind}` does not go with config mediaType `{media_type}`: correct one of the two")]
    KindForm {
        /// What `dev.vyr.kind` says.
        kind: ArtifactKind,
        /// What the config's descriptor says.
        media_type: String,
    },
    /// A draft was made for a container image.
    #[error(
        "a manifest is only made for Wasm or a container job: build a container image with a container tool"
    )]
    NotWasmKind,
    /// A Wasm config that cannot be read.
    #[error("the config is not a strict Wasm config: {0}")]
    ConfigJson(String),
    /// A Wasm config that says something else than the manifest.
    #[error(
        "the config's `{field}` is `{found}`, but the manifest asks for `{expected}`: make both from the same file"
    )]
    ConfigDiffers {
        /// The config's field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// The content does not begin as Wasm does.
    #[error("the content is not Wasm ({0}): put a `.wasm` file")]
    NotWasm(&'static str),
    /// A container job's document does not begin as JSON does.
    #[error("the content is no container job: put a JSON object that begins with `{{`")]
    NotContainerJob,
    /// The content is the other form of Wasm.
    #[error("the content is a {found}, but the manifest says {declared}: correct annotation `dev.vyr.kind`")]
    KindContent {
        /// What the manifest says.
        declared: ArtifactKind,
        /// What the first eight bytes say.
        found: ArtifactKind,
    },
}
