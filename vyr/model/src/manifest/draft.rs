use super::{
    ArtifactKind, CONTAINER_LAYER_TYPE, DefaultLimits, EMPTY_CONFIG_TYPE, MANIFEST_TYPE, Manifest,
    ManifestError, StateDeclaration, WASM_CONFIG_TYPE, WASM_LAYER_TYPE, Want, WasmConfig,
    annotation::{self, bad},
    config::EMPTY_CONFIG,
    wire::{Object, WireDescriptor, WireManifest},
};
use crate::Digest;

/// What goes into a new manifest, of Wasm or of a container job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestDraft {
    /// What the content is; [`ArtifactKind::detect`] tells.
    pub kind: ArtifactKind,
    /// The artifact's name; [`artifact_name`] makes one of a file's name.
    pub name: String,
    /// The artifact's version.
    pub version: String,
    /// The states that the program binds.
    pub states: Vec<StateDeclaration>,
    /// The limits that apply where a submit names none.
    pub limits: DefaultLimits,
    /// What the program asks to be granted.
    pub wants: Vec<Want>,
}

/// A new manifest and its config, as bytes to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltManifest {
    /// The config blob.
    pub config: Vec<u8>,
    /// The manifest blob; its SHA-256 is the artifact's digest.
    pub manifest: Vec<u8>,
    /// What the manifest says.
    pub parsed: Manifest,
}

impl BuiltManifest {
    /// Returns the artifact's digest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

impl ManifestDraft {
    /// Makes a draft that declares nothing beyond its name and version.
    pub fn new(kind: ArtifactKind, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            states: Vec::new(),
            limits: DefaultLimits::default(),
            wants: Vec::new(),
        }
    }

    /// Makes the manifest of this draft and a content. The same input gives the same bytes on every machine.
    ///
    /// # Errors
    /// When the kind is a container image, or a field has a value that a manifest cannot hold.
    pub fn build(&self, content: Digest, size: u64) -> Result<BuiltManifest, ManifestError> {
        if self.kind == ArtifactKind::Oci {
            return Err(ManifestError::NotWasmKind);
        }
        let json = |error: serde_json::Error| ManifestError::Json(error.to_string());
        let (config, config_type, layer_type) = if self.kind == ArtifactKind::Container {
            (EMPTY_CONFIG.to_vec(), EMPTY_CONFIG_TYPE, CONTAINER_LAYER_TYPE)
        } else {
            let config = serde_json::to_vec(&WasmConfig::new(self.kind, content)).map_err(json)?;
            (config, WASM_CONFIG_TYPE, WASM_LAYER_TYPE)
        };
        let config_size = u64::try_from(config.len()).unwrap_or(u64::MAX);
        let wire = WireManifest {
            schema_version: 2,
            media_type: Some(MANIFEST_TYPE.to_owned()),
            artifact_type: None,
            config: Object(WireDescriptor::new(config_type, Digest::of(&config), config_size)),
            layers: vec![Object(WireDescriptor::new(layer_type, content, size))],
            subject: None,
            annotations: annotation::write(
                self.kind,
                &self.name,
                &self.version,
                &self.states,
                &self.limits,
                &self.wants,
            ),
        };
        let manifest = serde_json::to_vec(&wire).map_err(json)?;
        let parsed = Manifest::parse(&manifest)?;
        self.check_kept(&parsed)?;
        Ok(BuiltManifest { config, manifest, parsed })
    }

    /// Refuses a value that reads back as another: a fraction of a millisecond, a path that ends in `:ro`.
    fn check_kept(&self, parsed: &Manifest) -> Result<(), ManifestError> {
        if parsed.limits != self.limits {
            return Err(bad("dev.vyr.limit", &format!("{:?}", self.limits), "times in whole milliseconds"));
        }
        if parsed.states != self.states || parsed.wants != self.wants {
            let found = format!("{:?} {:?}", self.states, self.wants);
            return Err(bad(
                "dev.vyr.grants",
                &found,
                "names and paths without `=` and without a last `:ro`",
            ));
        }
        Ok(())
    }
}

/// Makes a valid artifact name of any text, a file's stem for one: what a name cannot hold becomes `-`.
pub fn artifact_name(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '-' });
    let name: String = kept.skip_while(|c| !c.is_ascii_alphanumeric()).take(128).collect();
    if name.is_empty() { "artifact".to_owned() } else { name }
}
