use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vyr_model::{Digest, MANIFEST_TYPE, Manifest};

use super::layout::Layout;
use crate::{StoreError, files};

/// What names an entry for other tools: `oci:DIR:<this>`.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Far above `max_artifacts` entries of the usual length.
const MAX_BYTES: usize = 64 << 20;

/// The content of an `index.json`. What other tools wrote into it is kept as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    manifests: Vec<Entry>,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "mediaType")]
    media_type: String,
    pub(super) digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

impl Index {
    /// Makes an empty index.
    pub(super) fn new() -> Self {
        Self { schema_version: 2, manifests: Vec::new(), others: serde_json::Map::new() }
    }

    /// Reads the bytes of an `index.json`.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let index: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match index.schema_version {
            2 => Ok(index),
            other => Err(format!("schemaVersion {other} is not known")),
        }
    }

    /// Writes the bytes of an `index.json`.
    pub fn to_bytes(&self) -> Vec<u8> {
        // texts, numbers and maps with text keys always have a JSON form
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the index of a store. It is always whole: it is only ever replaced.
    pub(super) fn read(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.index();
        let bytes = files::read_small(&path, MAX_BYTES)?;
        let parsed = bytes.ok_or_else(|| "it is missing".to_owned()).and_then(|bytes| Self::parse(&bytes));
        parsed.map_err(|problem| StoreError::Index { path, problem })
    }

    /// Returns every entry, images of other tools included.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.manifests
    }

    /// Returns the entries that are image manifests.
    pub(super) fn artifacts(&self) -> impl Iterator<Item = &Entry> {
        self.manifests.iter().filter(|entry| entry.media_type == MANIFEST_TYPE)
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.manifests.iter().any(|entry| entry.digest == *digest)
    }

    /// Adds an artifact. It takes its name from an older artifact of the same name and version, which
    /// stays under its digest.
    pub(super) fn add(&mut self, digest: Digest, size: u64, manifest: &Manifest) {
        let reference = reference(&digest, manifest);
        for entry in &mut self.manifests {
            if entry.reference() == Some(&reference) {
                entry.annotations.insert(REF_NAME.to_owned(), digest_reference(&entry.digest));
            }
        }
        self.manifests.push(Entry {
            media_type: MANIFEST_TYPE.to_owned(),
            digest,
            size,
            annotations: BTreeMap::from([(REF_NAME.to_owned(), reference)]),
            others: serde_json::Map::new(),
        });
    }

    /// Takes an artifact out; tells whether it was there.
    pub(super) fn remove(&mut self, digest: &Digest) -> bool {
        let before = self.manifests.len();
        self.manifests.retain(|entry| entry.digest != *digest);
        self.manifests.len() != before
    }
}

impl Entry {
    pub(super) fn reference(&self) -> Option<&String> {
        self.annotations.get(REF_NAME)
    }
}

/// Makes an index of the signed artifacts, for a store that lost its own.
pub(super) fn rebuild(layout: &Layout, signed: &[Digest]) -> Result<Index, StoreError> {
    let mut index = Index::new();
    for digest in signed {
        let bytes =
            files::read_small(&layout.blob(digest), vyr_model::MAX_MANIFEST_BYTES)?.unwrap_or_default();
        if let (true, Ok(manifest)) = (Digest::of(&bytes) == *digest, Manifest::parse(&bytes)) {
            index.add(*digest, u64::try_from(bytes.len()).unwrap_or(u64::MAX), &manifest);
        }
    }
    Ok(index)
}

/// Names an artifact for other tools: `name:version` where they can read that, else its digest.
fn reference(digest: &Digest, manifest: &Manifest) -> String {
    match (&manifest.name, &manifest.version) {
        (Some(name), Some(version)) if is_reference(name) && is_reference(version) => {
            format!("{name}:{version}")
        }
        _ => digest_reference(digest),
    }
}

fn digest_reference(digest: &Digest) -> String {
    format!("sha256-{}", digest.to_hex())
}

/// The OCI image layout's grammar for names: runs of letters and digits, with one separator between two.
fn is_reference(text: &str) -> bool {
    let runs = text.replace("--", "-");
    runs.split(['-', '.', '_', '+'])
        .all(|run| !run.is_empty() && run.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use vyr_model::{ArtifactKind, ManifestDraft};

    use super::*;

    #[test]
    fn keeps_what_other_tools_wrote() {
        let text = r#"{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":3,"platform":{"os":"linux"}}],"mediaType":"x"}"#;
        assert_eq!(String::from_utf8(Index::parse(text.as_bytes()).unwrap().to_bytes()).unwrap(), text);
    }

    #[test]
    fn a_name_moves_to_the_newest_artifact() {
        let mut index = Index::new();
        for content in [b"a", b"b"] {
            let draft = ManifestDraft::new(ArtifactKind::Module, "n", "1.0");
            let built = draft.build(Digest::of(content), 1).unwrap();
            index.add(built.digest(), 1, &built.parsed);
        }
        let references: Vec<_> = index.entries().iter().filter_map(Entry::reference).cloned().collect();
        assert_eq!(references, [digest_reference(&index.entries()[0].digest), "n:1.0".to_owned()]);
    }

    #[test]
    fn only_names_that_other_tools_read_are_used() {
        assert!(["a", "a-b", "a--b", "1.2.3-rc.1+x"].iter().all(|text| is_reference(text)));
        assert!(["", "a..b", "a-", ".a", "a b", "a---b"].iter().all(|text| !is_reference(text)));
    }
}
