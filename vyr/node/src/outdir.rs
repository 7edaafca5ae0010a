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
/// Files that a task may leave in `/out`.
const MAX_FILES: usize = 10_000;
/// Bytes of all their paths below `/out` together. They stand in the task's record, whose entries have
/// a limit (4 MiB): with each file's digest and size this is half of it.
const MAX_PATH_BYTES: usize = 1 << 20;
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
    let mut found = Found::default();
    found.walk(dir, "", 0)?;
    if found.bytes > limit {
        return Err(TOO_MUCH);
    }
    found.files.sort();
    let mut files = Vec::with_capacity(found.files.len());
    for (path, host) in found.files {
        let blob = put_file(&host, store, durability)
            .map_err(|error| Failure::Internal(format!("failed to store /out/{path}: {error}")))?;
        files.push(OutputFile { path, digest: blob.digest, size: blob.size });
    }
    Ok(files)
}

const TOO_MUCH: Failure = Failure::Limit(LimitKind::Output);

fn put_file(path: &Path, store: &Store, durability: BlobDurability) -> io::Result<StoredBlob> {
    let mut writer = store.blob_writer(durability);
    io::copy(&mut fs::File::open(path)?, &mut writer)?;
    writer.commit(None).map_err(io::Error::other)
}

/// What lies in `/out`.
#[derive(Default)]
struct Found {
    /// Each file's path below `/out`, and on the host.
    files: Vec<(String, PathBuf)>,
    bytes: u64,
    path_bytes: usize,
}

impl Found {
    fn walk(&mut self, dir: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::Internal(format!("failed to read /out/{prefix}: {error}"));
        if depth > MAX_DEPTH {
            return Err(TOO_MUCH);
        }
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = entry.metadata().map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            if metadata.is_dir() {
                self.walk(&entry.path(), &path, depth + 1)?;
            } else if metadata.is_file() {
                self.add(path, entry.path(), metadata.size())?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String, host: PathBuf, size: u64) -> Result<(), Failure> {
        self.bytes = self.bytes.saturating_add(size);
        self.path_bytes += path.len();
        self.files.push((path, host));
        if self.files.len() > MAX_FILES || self.path_bytes > MAX_PATH_BYTES {
            return Err(TOO_MUCH);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use buffa::Message as _;
    use vyr_model::Digest;
    use vyr_proto::control::{Output, TaskStatus};
    use vyr_store::StoreOptions;
    use vyr_telemetry::record::RecordOptions;

    use super::*;

    #[test]
    fn long_paths_are_an_output_limit() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("store"), StoreOptions::new(dir.path().join("trust")));
        let (store, out) = (store.unwrap(), dir.path().join("out"));
        let long = |letter: &str| letter.repeat(250);
        let deep = out.join(long("a")).join(long("b")).join(long("c"));
        fs::create_dir_all(&deep).unwrap();
        let file = |n: usize| fs::write(deep.join(format!("{n:0>246}")), b"").unwrap();
        let each = 3 * 251 + 246;
        let fits = MAX_PATH_BYTES / each;
        (0..fits).for_each(file);
        let collected = collect(&out, &store, u64::MAX, BlobDurability::Volatile).unwrap();
        assert_eq!((collected.len(), collected[0].path.len()), (fits, each));
        file(fits);
        assert_eq!(collect(&out, &store, u64::MAX, BlobDurability::Volatile), Err(TOO_MUCH));
    }

    #[test]
    fn the_most_that_out_may_hold_fits_the_record() {
        let digest = Digest::of(b"").to_string();
        let path = "p".repeat(MAX_PATH_BYTES / MAX_FILES + 1);
        let file = Output { path, digest, size: u64::MAX, ..Default::default() };
        let status = TaskStatus { files: vec![file; MAX_FILES], ..Default::default() };
        // the rest, spans and all, is small
        assert!(status.encode_to_vec().len() < RecordOptions::default().entry_bytes / 2 + (256 << 10));
    }
}
