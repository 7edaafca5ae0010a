use std::{
    collections::HashSet,
    fs::{self, Metadata},
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use vyr_model::{Digest, MAX_MANIFEST_BYTES};

use super::{Index, Store, layout::digest_of_name, signatures, temp};
use crate::{StoreError, files, lock::LockMode};

/// What a collection did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Blobs removed.
    pub removed: u64,
    /// Bytes they had.
    pub freed_bytes: u64,
    /// Blobs kept.
    pub kept: u64,
}

impl Store {
    /// Removes blobs that no artifact of the list, no signed artifact and nothing in `keep` refers to, and
    /// that were not put within `min_age` before `now`. A blob that is open stays readable to its reader.
    ///
    /// `min_age` must be longer than a client takes from its first upload to its put.
    ///
    /// # Errors
    /// When the index cannot be read: nothing is removed then.
    pub fn gc(
        &self,
        keep: impl IntoIterator<Item = Digest>,
        min_age: Duration,
        now: SystemTime,
    ) -> Result<GcReport, StoreError> {
        let lock = self.lock(LockMode::Exclusive)?;
        let layout = &self.0.layout;
        let index = Index::read(layout)?;
        let roots =
            index.entries().iter().map(|entry| entry.digest).chain(signatures::all(layout)?).chain(keep);
        let live = self.live(roots)?;
        let mut report = GcReport::default();
        for_each(layout.blobs(), |path, meta| {
            let referred =
                path.file_name().and_then(digest_of_name).is_none_or(|digest| live.contains(&digest));
            if referred || !is_older(meta, min_age, now) {
                report.kept = report.kept.saturating_add(1);
            } else if files::remove(path)? {
                report.removed = report.removed.saturating_add(1);
                report.freed_bytes = report.freed_bytes.saturating_add(meta.len());
            }
            Ok(())
        })?;
        if layout.quarantine().is_dir() {
            for_each(&layout.quarantine(), |path, meta| {
                if is_older(meta, min_age, now) { files::remove(path).map(drop) } else { Ok(()) }
            })?;
        }
        temp::sweep(layout, &lock)?;
        Ok(report)
    }

    /// Returns everything that is reached from `roots`.
    fn live(&self, roots: impl Iterator<Item = Digest>) -> Result<HashSet<Digest>, StoreError> {
        let mut live = HashSet::new();
        let mut open: Vec<Digest> = roots.collect();
        while let Some(digest) = open.pop() {
            if live.insert(digest) {
                open.extend(self.referred(&digest)?);
            }
        }
        Ok(live)
    }

    /// Returns what a manifest or an image index refers to; any other blob refers to nothing.
    fn referred(&self, digest: &Digest) -> Result<Vec<Digest>, StoreError> {
        let path = self.0.layout.blob(digest);
        let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
        if !fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= limit) {
            return Ok(Vec::new());
        }
        let bytes = files::read_small(&path, MAX_MANIFEST_BYTES)?.unwrap_or_default();
        let Ok(value) = serde_json::from_slice::<Value>(&bytes) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        // wider than any reader of manifests: what another tool understands, we must not take from it
        if value.get("schemaVersion").is_some() {
            collect_digests(&value, &mut found);
        }
        Ok(found)
    }
}

fn collect_digests(value: &Value, found: &mut Vec<Digest>) {
    match value {
        Value::String(text) => found.extend(text.parse::<Digest>()),
        Value::Array(values) => values.iter().for_each(|value| collect_digests(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect_digests(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_older(meta: &Metadata, min_age: Duration, now: SystemTime) -> bool {
    // a file from the future is young
    meta.modified().ok().and_then(|time| now.duration_since(time).ok()).is_some_and(|age| age >= min_age)
}

/// Visits each file of a folder.
fn for_each(
    dir: &Path,
    mut visit: impl FnMut(&Path, &Metadata) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(StoreError::io("read folder", dir))? {
        let entry = entry.map_err(StoreError::io("read folder", dir))?;
        let path = entry.path();
        match entry.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("inspect", path)(error)),
            Ok(meta) if meta.is_file() => visit(&path, &meta)?,
            Ok(_) => {}
        }
    }
    Ok(())
}
