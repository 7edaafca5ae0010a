use super::{
    ArtifactKind, CONTAINER_LAYER_TYPE, Descriptor, EMPTY_CONFIG_TYPE, IMAGE_CONFIG_TYPE, IMAGE_LAYER_TYPES,
    MANIFEST_TYPE, MAX_MANIFEST_BYTES, Manifest, ManifestError, WASM_CONFIG_TYPE, WASM_LAYER_TYPE,
    annotation::{self, TITLE, VERSION, bad},
    wire::{Annotations, Object, WireDescriptor, WireManifest},
};

// long enough for any name, short enough for a line
const MAX_TEXT: usize = 128;

impl Manifest {
    /// Reads a manifest from its exact bytes.
    ///
    /// # Errors
    /// Each error names the field or annotation, and what to do about it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        let wire: Object<WireManifest> =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Json(error.to_string()))?;
        Self::from_wire(wire.0)
    }

    fn from_wire(wire: WireManifest) -> Result<Self, ManifestError> {
        if wire.schema_version != 2 {
            return Err(ManifestError::SchemaVersion(wire.schema_version));
        }
        if let Some(other) = wire.media_type.as_deref().filter(|media_type| *media_type != MANIFEST_TYPE) {
            return Err(ManifestError::MediaType(clip(other)));
        }
        let ours = annotation::read(&wire.annotations)?;
        let kind = match (wire.config.0.media_type.as_str(), ours.kind) {
            (WASM_CONFIG_TYPE, Some(kind @ (ArtifactKind::Component | ArtifactKind::Module)))
            | (IMAGE_CONFIG_TYPE, Some(kind @ ArtifactKind::Oci))
            | (EMPTY_CONFIG_TYPE, Some(kind @ ArtifactKind::Container)) => kind,
            (IMAGE_CONFIG_TYPE, None) => ArtifactKind::Oci,
            (WASM_CONFIG_TYPE | EMPTY_CONFIG_TYPE, None) => {
                return Err(ManifestError::AnnotationMissing("dev.vyr.kind"));
            }
            (WASM_CONFIG_TYPE | IMAGE_CONFIG_TYPE | EMPTY_CONFIG_TYPE, Some(kind)) => {
                return Err(ManifestError::KindForm { kind, media_type: wire.config.0.media_type });
            }
            (other, _) => return Err(ManifestError::ConfigMediaType(clip(other))),
        };
        check_layers(kind, &wire.layers)?;
        if kind != ArtifactKind::Oci && wire.media_type.is_none() {
            return Err(ManifestError::MediaType(String::new()));
        }
        Ok(Self {
            kind,
            name: text(kind, &wire.annotations, TITLE)?,
            version: text(kind, &wire.annotations, VERSION)?,
            config: wire.config.0.into(),
            layers: wire.layers.into_iter().map(|layer| layer.0.into()).collect(),
            states: ours.states,
            limits: ours.limits,
            wants: ours.wants,
        })
    }
}

fn check_layers(kind: ArtifactKind, layers: &[Object<WireDescriptor>]) -> Result<(), ManifestError> {
    let (allowed, expected): (&[&str], _) = match kind {
        ArtifactKind::Oci => (
            &IMAGE_LAYER_TYPES,
            "`application/vnd.oci.image.layer.v1.tar`, with or without `+gzip`: convert the image with \
             `skopeo copy --format oci --dest-compress-format gzip`",
        ),
        ArtifactKind::Component | ArtifactKind::Module => (&[WASM_LAYER_TYPE], "`application/wasm`"),
        ArtifactKind::Container => (&[CONTAINER_LAYER_TYPE], "`application/vnd.cyxwiz.container.v1+json`"),
    };
    if kind != ArtifactKind::Oci && layers.len() != 1 {
        return Err(ManifestError::LayerCount(layers.len()));
    }
    match layers.iter().position(|layer| !allowed.contains(&layer.0.media_type.as_str())) {
        None => Ok(()),
        Some(index) => Err(ManifestError::LayerMediaType {
            index,
            media_type: layers.get(index).map(|layer| clip(&layer.0.media_type)).unwrap_or_default(),
            expected,
        }),
    }
}

/// Reads a name or version: needed but in a container image, where it is free.
fn text(
    kind: ArtifactKind,
    annotations: &Annotations,
    key: &'static str,
) -> Result<Option<String>, ManifestError> {
    match (annotations.get(key), kind) {
        (None, ArtifactKind::Oci) => Ok(None),
        (None, _) => Err(ManifestError::AnnotationMissing(key)),
        (Some(value), ArtifactKind::Oci) => Ok(Some(value.to_owned())),
        (Some(value), _) if is_plain(value) => Ok(Some(value.to_owned())),
        (Some(value), _) => {
            Err(bad(key, value, "1 to 128 letters, digits, `.`, `_`, `-` or `+`, a letter or digit first"))
        }
    }
}

fn is_plain(value: &str) -> bool {
    value.len() <= MAX_TEXT
        && value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}

impl From<WireDescriptor> for Descriptor {
    fn from(wire: WireDescriptor) -> Self {
        Self { media_type: wire.media_type, digest: wire.digest, size: wire.size }
    }
}
