use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::Args;
use sha2::{Digest as _, Sha256};
use vyr_model::{
    ArtifactKind, DeclareError, Digest, Manifest, ManifestDraft, StateDeclaration, Want, artifact_name,
};
use vyr_store::Store;

use super::{input::Input, limit::Limit};
use crate::error::CliError;

/// A Wasm file, or the folder of an OCI image layout.
#[derive(Args)]
pub(crate) struct Source {
    /// Wasm file, or folder of an OCI image layout
    file: PathBuf,
    /// The artifact's name [default: the file's]
    #[arg(long)]
    name: Option<String>,
    /// The artifact's version
    #[arg(long, default_value = "0.0.0")]
    artifact_version: String,
    /// State that the program opens by NAME; a submit must bind it
    #[arg(long = "state", value_name = "NAME", value_parser = state)]
    states: Vec<StateDeclaration>,
    /// Grant that the program asks for: `env=NAME`, `dir=GUEST[:ro]` or `http-out=HOST:PORT`
    #[arg(long = "want", value_name = "GRANT")]
    wants: Vec<Want>,
    /// Limit for submits that name none, such as `memory=64MiB`, `wall_time=30s` or `handles=100`
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = Limit::parse)]
    limits: Vec<Limit>,
}

/// Parses `NAME` or `NAME=ephemeral`.
fn state(text: &str) -> Result<StateDeclaration, DeclareError> {
    if text.contains('=') { text.parse() } else { format!("{text}=ephemeral").parse() }
}

/// What is to be put: the manifest and where its blobs are.
pub(crate) struct Prepared {
    pub(crate) digest: Digest,
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<(Digest, u64, Blob)>,
}

/// Where a blob is.
pub(crate) enum Blob {
    Memory(Vec<u8>),
    File(Input),
}

impl Prepared {
    /// Tells whether a store has it whole and lets it run, whoever signed it: another signature would only replace
    /// that one.
    pub(crate) fn is_in(&self, store: &Store) -> bool {
        store.load_manifest(&self.digest, SystemTime::now()).is_ok()
            && self.blobs.iter().all(|(digest, ..)| store.has_blob(digest))
    }
}

impl Source {
    pub(crate) fn of(file: PathBuf) -> Self {
        let (states, wants, limits) = (Vec::new(), Vec::new(), Vec::new());
        Self { file, name: None, artifact_version: String::new(), states, wants, limits }
    }

    /// Reads the source once and makes, or takes, its manifest.
    pub(crate) fn prepare(&self) -> Result<Prepared, CliError> {
        if self.file.is_dir() { self.layout() } else { self.wasm() }
    }

    fn wasm(&self) -> Result<Prepared, CliError> {
        let input = Input::of(&self.file)?;
        let (digest, size, start) = hash(input.path())?;
        let refuse = |error: vyr_model::ManifestError| {
            CliError::Usage(format!("`{}` is no artifact: {error}", self.file.display()))
        };
        let kind = ArtifactKind::detect(&start).map_err(refuse)?;
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let name = self.name.clone().unwrap_or_else(|| artifact_name(&stem));
        let version = if self.artifact_version.is_empty() { "0.0.0" } else { &self.artifact_version };
        let mut draft = ManifestDraft::new(kind, name, version);
        draft.states.clone_from(&self.states);
        draft.wants.clone_from(&self.wants);
        for limit in &self.limits {
            limit.set(&mut draft.limits);
        }
        let built = draft.build(digest, size).map_err(refuse)?;
        let config = Digest::of(&built.config);
        let config_size = built.config.len() as u64;
        Ok(Prepared {
            digest: built.digest(),
            manifest: built.manifest,
            blobs: vec![(config, config_size, Blob::Memory(built.config)), (digest, size, Blob::File(input))],
        })
    }

    fn layout(&self) -> Result<Prepared, CliError> {
        if !self.states.is_empty() || !self.wants.is_empty() || !self.limits.is_empty() {
            let why = "an image layout has its manifest: --state, --want and --limit are for Wasm files";
            return Err(CliError::Usage(why.to_owned()));
        }
        let index = self.file.join("index.json");
        if !index.exists() {
            return Err(
                self.no_layout("it has no index.json: name a Wasm file, or make it with `skopeo copy`")
            );
        }
        let index: Index =
            serde_json::from_slice(&read(&index)?).map_err(|error| self.no_layout(&error.to_string()))?;
        let [entry] = index.manifests.as_slice() else {
            return Err(self.no_layout("it holds none or several images: copy one with `skopeo copy`"));
        };
        let blob = |digest: &Digest| self.file.join("blobs/sha256").join(digest.to_hex());
        let manifest = read(&blob(&entry.digest))?;
        let parsed = Manifest::parse(&manifest).map_err(|error| self.no_layout(&error.to_string()))?;
        let input = |digest| Ok::<_, CliError>(Blob::File(Input::of(&blob(digest))?));
        let blobs = parsed.blobs().map(|part| Ok((part.digest, part.size, input(&part.digest)?)));
        let blobs = blobs.collect::<Result<_, CliError>>()?;
        Ok(Prepared { digest: entry.digest, manifest: manifest.clone(), blobs })
    }

    fn no_layout(&self, why: &str) -> CliError {
        CliError::Usage(format!("`{}` is no OCI image layout with one image: {why}", self.file.display()))
    }
}

#[derive(serde::Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(serde::Deserialize)]
struct Entry {
    digest: Digest,
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::File { what: "read", path: path.display().to_string(), source })
}

/// Hashes a file; returns its digest, its size and its first bytes.
pub(crate) fn hash(path: &Path) -> Result<(Digest, u64, Vec<u8>), CliError> {
    let failed = |source| CliError::File { what: "read", path: path.display().to_string(), source };
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut size, mut start) = (Sha256::new(), 0_u64, Vec::new());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((Digest::from_bytes(hasher.finalize().into()), size, start));
        }
        if start.is_empty() {
            start.extend(bytes.iter().take(64));
        }
        hasher.update(bytes);
        size += bytes.len() as u64;
    }
}
