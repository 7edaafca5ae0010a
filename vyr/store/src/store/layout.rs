use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use vyr_model::Digest;

use super::{index, signatures};
use crate::{
    StoreError, files,
    lock::{FileLock, LockMode},
};

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const LAYOUT_VERSION: &str = "1.0.0";
const OURS: &str = "vyr";

/// Where everything lies in a store's folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
    blobs: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayoutFile {
    image_layout_version: String,
}

impl Layout {
    /// Opens a store's folder, or makes one.
    pub(super) fn open(root: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let layout = Self { root: root.to_owned(), blobs: root.join("blobs/sha256") };
        if !layout.is_complete()? {
            layout.complete(timeout)?;
        }
        let file = layout.root.join("oci-layout");
        let known = files::read_small(&file, 4096)?
            .and_then(|bytes| serde_json::from_slice::<LayoutFile>(&bytes).ok())
            .is_some_and(|layout| layout.image_layout_version == LAYOUT_VERSION);
        if known { Ok(layout) } else { Err(StoreError::LayoutVersion(file)) }
    }

    fn is_complete(&self) -> Result<bool, StoreError> {
        for path in [
            &self.root.join("oci-layout"),
            &self.index(),
            &self.blobs,
            &self.temp(),
            &self.signatures(),
            &self.lock(),
        ] {
            if !path.try_exists().map_err(StoreError::io("inspect", path))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn complete(&self, timeout: Duration) -> Result<(), StoreError> {
        if !self.is_store_or_empty()? {
            return Err(StoreError::NotAStore(self.root.clone()));
        }
        files::make_dir(&self.temp())?;
        let _lock = FileLock::acquire(&self.lock(), LockMode::Exclusive, timeout)?;
        let temp = self.temp().join("new");
        // a process that died here left it, and nobody else writes it without the lock
        files::remove(&temp)?;
        let file = self.root.join("oci-layout");
        if !file.try_exists().map_err(StoreError::io("inspect", &file))? {
            files::replace(&file, &temp, LAYOUT)?;
        }
        files::make_dir(&self.blobs)?;
        files::make_dir(&self.signatures())?;
        let index = self.index();
        if !index.try_exists().map_err(StoreError::io("inspect", &index))? {
            files::replace(&index, &temp, &index::rebuild(self, &signatures::all(self)?)?.to_bytes())?;
        }
        files::sync_dir(&self.root)
    }

    fn is_store_or_empty(&self) -> Result<bool, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            entries => entries.map_err(StoreError::io("read folder", &self.root))?,
        };
        let mut empty = true;
        for entry in entries {
            let name = entry.map_err(StoreError::io("read folder", &self.root))?.file_name();
            if name == "oci-layout" {
                return Ok(true);
            }
            // a store whose making was interrupted has this alone
            empty &= name == OURS;
        }
        Ok(empty)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn blobs(&self) -> &Path {
        &self.blobs
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.to_hex())
    }

    pub(super) fn index(&self) -> PathBuf {
        self.root.join("index.json")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.root.join(OURS).join("lock")
    }

    pub(super) fn temp(&self) -> PathBuf {
        self.root.join(OURS).join("tmp")
    }

    pub(super) fn signatures(&self) -> PathBuf {
        self.root.join(OURS).join("signatures")
    }

    pub(super) fn signature(&self, manifest: &Digest) -> PathBuf {
        self.signatures().join(manifest.to_hex())
    }

    pub(super) fn quarantine(&self) -> PathBuf {
        self.root.join(OURS).join("quarantine")
    }
}

/// Reads a file name of 64 lowercase hex digits.
pub(super) fn digest_of_name(name: &std::ffi::OsStr) -> Option<Digest> {
    format!("sha256:{}", name.to_str()?).parse().ok()
}
