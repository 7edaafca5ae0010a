use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{file, key};
use crate::{StoreError, files};

const TEMPORARY: &str = "new-";

/// A name for a file that is not whole yet.
pub(super) fn temporary_name() -> Result<String, StoreError> {
    Ok(format!("{TEMPORARY}{}", files::random_name()?))
}

struct Cached {
    path: PathBuf,
    used: SystemTime,
    size: u64,
}

/// Removes what writers that died left half-written; the caller holds the folder's lock.
pub(super) fn sweep_temporary(dir: &Path) -> Result<(), StoreError> {
    each(dir, |entry| match entry.file_name().to_str() {
        Some(name) if name.starts_with(TEMPORARY) => files::remove(&entry.path()).map(drop),
        _ => Ok(()),
    })
}

/// Removes all code.
pub(super) fn clear(dir: &Path) -> Result<(), StoreError> {
    each(dir, |entry| if key::is_own_file(entry) { Ok(()) } else { files::remove(&entry.path()).map(drop) })
}

/// Removes the least recently used code until `size` more bytes are at most `max`.
pub(super) fn make_room(dir: &Path, size: u64, max: u64) -> Result<(), StoreError> {
    let mut cached = Vec::new();
    each(dir, |entry| {
        let path = entry.path();
        if path.to_str().is_some_and(|path| path.ends_with(file::END))
            && let Ok(meta) = entry.metadata()
        {
            let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            cached.push(Cached { path, used, size: meta.len() });
        }
        Ok(())
    })?;
    let mut total = cached.iter().fold(size, |sum, file| sum.saturating_add(file.size));
    if total <= max {
        return Ok(());
    }
    cached.sort_by_key(|file| file.used);
    for file in cached {
        if total <= max {
            break;
        }
        files::remove(&file.path)?;
        total = total.saturating_sub(file.size);
    }
    Ok(())
}

fn each(
    dir: &Path,
    mut visit: impl FnMut(&fs::DirEntry) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(StoreError::io("read folder", dir))? {
        visit(&entry.map_err(StoreError::io("read folder", dir))?)?;
    }
    Ok(())
}
