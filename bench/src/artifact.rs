use std::{fs, io::Cursor, path::Path};

use anyhow::{Context as _, Result};
use vyr_model::{ArtifactKind, Digest, ManifestDraft, SecretKey};
use vyr_sdk::{Client, control::PutArtifactRequest};

/// A Wasm program from which artifacts are made.
pub(crate) struct Program {
    name: String,
    bytes: Vec<u8>,
}

impl Program {
    pub(crate) fn read(guests: &Path, name: &str) -> Result<Self> {
        let path = guests.join(format!("{name}.wasm"));
        let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self { name: name.to_owned(), bytes })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the same program with a custom section of its own: another artifact.
    pub(crate) fn variant(&self, number: usize) -> Self {
        let content = format!("{number:016}");
        let name = "bench";
        let length = 1 + name.len() + content.len();
        let mut bytes = self.bytes.clone();
        bytes.extend([0, u8::try_from(length).unwrap_or(0), u8::try_from(name.len()).unwrap_or(0)]);
        bytes.extend(name.bytes().chain(content.bytes()));
        Self { name: self.name.clone(), bytes }
    }

    /// Signs the program and puts it; returns the artifact's digest.
    pub(crate) async fn put(&self, client: &Client, key: &SecretKey) -> Result<Digest> {
        let content = Digest::of(&self.bytes);
        let kind = ArtifactKind::detect(&self.bytes)?;
        let draft = ManifestDraft::new(kind, self.name.clone(), "0.0.0");
        let built = draft.build(content, self.bytes.len() as u64)?;
        let digest = built.digest();
        for bytes in [&built.config, &self.bytes] {
            let size = bytes.len() as u64;
            client.put_blob(Digest::of(bytes), size, Cursor::new(bytes.clone())).await?;
        }
        let signature = key.sign(&built.manifest).as_bytes().to_vec();
        let request = PutArtifactRequest {
            digest: digest.to_string(),
            manifest: built.manifest,
            signature,
            ..Default::default()
        };
        client.put_artifact(request).await?;
        Ok(digest)
    }
}
