use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use cyxwiz_model::{FilePath, MAX_FILES};
use ignore::{DirEntry, WalkBuilder};

use super::{JobError, shown};

/// Bytes of all files together.
const MAX_BYTES: u64 = 1 << 30;
/// A folder of such a name is nobody's input.
const LEFT_OUT: [&str; 2] = [".git", "__pycache__"];
const IGNORE: &str = ".cyxwizignore";

/// A file as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFile {
    pub(crate) path: FilePath,
    pub(crate) disk: PathBuf,
    pub(crate) size: u64,
}

/// Every file of a folder that is sent, in the order of its paths.
pub(super) fn walk(dir: &Path) -> Result<Vec<LocalFile>, JobError> {
    let entries = WalkBuilder::new(dir)
        .standard_filters(false)
        .add_custom_ignore_filename(IGNORE)
        .follow_links(false)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(|entry| !entry.file_name().to_str().is_some_and(|name| LEFT_OUT.contains(&name)))
        .build();
    let (mut files, mut bytes) = (Vec::new(), 0_u64);
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(dir, error))?;
        let Some(file) = file(dir, entry)? else { continue };
        bytes = bytes.saturating_add(file.size);
        files.push(file);
        if files.len() > MAX_FILES {
            return Err(JobError::TooMany(shown(dir)));
        }
        if bytes > MAX_BYTES {
            let tenths = bytes / (MAX_BYTES / 10);
            return Err(JobError::TooLarge {
                place: shown(dir),
                gib: format!("{}.{}", tenths / 10, tenths % 10),
            });
        }
    }
    if files.is_empty() { Err(JobError::Empty(shown(dir))) } else { Ok(files) }
}

fn file(dir: &Path, entry: DirEntry) -> Result<Option<LocalFile>, JobError> {
    let below = entry.path().strip_prefix(dir).unwrap_or(entry.path()).to_owned();
    // the folder itself may be reached by a link
    if entry.depth() == 0 || entry.file_name() == IGNORE {
        return Ok(None);
    }
    match entry.file_type() {
        Some(kind) if kind.is_dir() => return Ok(None),
        Some(kind) if kind.is_symlink() => return Err(JobError::Symlink(shown(&below))),
        Some(kind) if kind.is_file() => {}
        _ => return Err(JobError::Special(shown(&below))),
    }
    let text = below.to_str().ok_or_else(|| JobError::NotUnicode(shown(&below)))?;
    #[cfg(windows)]
    let text = &text.replace('\\', "/");
    let size = entry.metadata().map_err(|error| unreadable(&below, error))?.len();
    Ok(Some(LocalFile { path: text.parse()?, disk: entry.into_path(), size }))
}

fn unreadable(path: &Path, error: ignore::Error) -> JobError {
    let path = match &error {
        ignore::Error::WithPath { path, .. } => shown(path),
        _ => shown(path),
    };
    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("a folder within itself"));
    JobError::Unreadable { path, source }
}

/// Whether a file begins with these bytes.
pub(super) fn begins_with(path: &Path, wanted: &[u8]) -> Result<bool, JobError> {
    let failed = |source| JobError::Unreadable { path: shown(path), source };
    let mut begin = Vec::new();
    File::open(path).map_err(failed)?.take(wanted.len() as u64).read_to_end(&mut begin).map_err(failed)?;
    Ok(begin == wanted)
}
