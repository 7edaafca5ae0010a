//! The folders that guests see as `/out`, and the files that they leave there.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use vyr_model::{Failure, LimitKind, OutputFile};
use vyr_store::{BlobDurability, Store, StoredBlob};

/// Empty folders kept for the next task: making one costs more than looking whether it is empty.
const SPARE: usize = 64;
/// Files and folders that a task may leave in `/out`.
const MAX_ENTRIES: usize = 10_000;
/// How deep folders in `/out` may lie.
const MAX_DEPTH: usize = 32;

pub(crate) struct OutDirs {
    root: PathBuf,
    next: AtomicU64,
    spare: Mutex<Vec<PathBuf>>,
}

impl OutDirs {
    /// Empties `root`: what lies there belonged to a node that stopped.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&root)?;
        Ok(Self { root, next: AtomicU64::new(0), spare: Mutex::default() })
    }

    /// Returns an empty folder.
    pub(crate) fn take(&self) -> io::Result<PathBuf> {
        if let Some(dir) = self.spare.lock().pop() {
            return Ok(dir);
        }
        let dir = self.root.join(format!("out-{}", self.next.fetch_add(1, Ordering::Relaxed)));
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(dir)
    }

    /// Takes a folder back.
    pub(crate) fn give(&self, dir: PathBuf) {
        let empty = fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_none());
        let mut spare = self.spare.lock();
        if empty && spare.len() < SPARE {
            spare.push(dir);
            return;
        }
        drop(spare);
        if let Err(error) = fs::remove_dir_all(&dir) {
            tracing::warn!(path = %dir.display(), %error, "failed to remove a task's output folder");
        }
    }
}

/// Stores every regular file below `dir`, sorted by path; links and devices are left out.
pub(crate) fn collect(
    dir: &Path,
    store: &Store,
    limit: u64,
    durability: BlobDurability,
) -> Result<Vec<OutputFile>, Failure> {
    let mut found = Vec::new();
    walk(dir, String::new(), 0, &mut found)?;
    let total: u64 = found.iter().map(|(_, _, size)| size).sum();
    if total > limit {
        return Err(Failure::Limit(LimitKind::Output));
    }
    found.sort();
    let mut files = Vec::with_capacity(found.len());
    for (path, host, _) in found {
        let blob = put_file(&host, store, durability)
            .map_err(|error| Failure::Internal(format!("failed to store /out/{path}: {error}")))?;
        files.push(OutputFile { path, digest: blob.digest, size: blob.size });
    }
    Ok(files)
}

fn put_file(path: &Path, store: &Store, durability: BlobDurability) -> io::Result<StoredBlob> {
    let mut writer = store.blob_writer(durability);
    io::copy(&mut fs::File::open(path)?, &mut writer)?;
    writer.commit(None).map_err(io::Error::other)
}

fn walk(
    dir: &Path,
    prefix: String,
    depth: usize,
    found: &mut Vec<(String, PathBuf, u64)>,
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Internal(format!("failed to read /out/{prefix}: {error}"));
    if depth > MAX_DEPTH {
        return Err(Failure::Limit(LimitKind::Output));
    }
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if metadata.is_dir() {
            walk(&entry.path(), path, depth + 1, found)?;
        } else if metadata.is_file() {
            found.push((path, entry.path(), metadata.size()));
        }
        if found.len() > MAX_ENTRIES {
            return Err(Failure::Limit(LimitKind::Output));
        }
    }
    Ok(())
}
