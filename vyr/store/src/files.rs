//! The few ways in which this crate touches files: bounded reads, durable writes, mode checks.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::StoreError;

/// Opens a lock file, making it where there is none.
pub(crate) fn open_lock(path: &Path) -> Result<File, StoreError> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(StoreError::io("create", path)),
        opened => opened.map_err(StoreError::io("open", path)),
    }
}

/// Makes a folder, and those above it, that only its owner may enter.
pub(crate) fn make_dir(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(StoreError::io("create folder", path))
}

/// Reads a whole file of at most `limit` bytes; `None` when there is none.
pub(crate) fn read_small(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(StoreError::io("open", path))?,
    };
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut bytes = Vec::with_capacity(1024);
    let read =
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        let source = io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes"));
        return Err(StoreError::Io { action: "read", path: path.to_owned(), source });
    }
    Ok(Some(bytes))
}

/// One file to replace: where it is to be, where it is written first (in the same file system), what
/// it is to hold.
pub(crate) struct Replacement {
    pub(crate) path: PathBuf,
    pub(crate) temp: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Replaces `path` in one step: after a crash it holds the old bytes or the new ones.
pub(crate) fn replace(path: &Path, temp: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace_all(&[Replacement { path: path.to_owned(), temp: temp.to_owned(), bytes: bytes.to_vec() }])
}

/// Replaces several files, each in one step and in this order. Everything is written before the first is
/// replaced, so a full disk replaces none.
pub(crate) fn replace_all(files: &[Replacement]) -> Result<(), StoreError> {
    let done = (|| {
        let written: Vec<File> =
            files.iter().map(|file| write_unsynced(&file.temp, &file.bytes)).collect::<Result<_, _>>()?;
        for (open, file) in written.iter().zip(files) {
            open.sync_all().map_err(StoreError::io("sync", &file.temp))?;
        }
        for file in files {
            fs::rename(&file.temp, &file.path).map_err(StoreError::io("rename into", &file.path))?;
        }
        files.iter().try_for_each(|file| sync_parent(&file.path))
    })();
    if done.is_err() {
        files.iter().for_each(|file| drop(fs::remove_file(&file.temp)));
    }
    done
}

fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<File, StoreError> {
    let mut file = create_new(path)?;
    let written = file.write_all(bytes).map_err(StoreError::io("write", path));
    written.map(|()| file)
}

/// Writes and syncs a file that must not exist yet, for its owner's eyes only.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_unsynced(path, bytes)?.sync_all().map_err(StoreError::io("sync", path))
}

/// Makes a file that must not exist yet.
pub(crate) fn create_new(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true) // what still grows can be followed
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::io("create", path))
}

/// Syncs the folder that holds `path`, so that the name survives a crash.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_dir(parent)
}

/// Syncs a folder.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync folder", path))
}

/// Removes a file; one that is not there is no error.
pub(crate) fn remove(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("remove", path)(error)),
    }
}

/// A name that no other file has.
pub(crate) fn random_name() -> Result<String, StoreError> {
    let mut bytes = [0; 12];
    fill_random(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// Fills `bytes` from the operating system's generator.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Io {
        action: "read random bytes from",
        path: PathBuf::from("the operating system"),
        source: io::Error::other(error.to_string()),
    })
}

/// Refuses a folder or file that somebody else could change (and, when `secret`, read).
pub(crate) fn check_owned(path: &Path, secret: bool) -> Result<(), StoreError> {
    let meta = fs::symlink_metadata(path).map_err(StoreError::io("inspect", path))?;
    let exposed = |problem, mend| Err(StoreError::Exposed { path: path.to_owned(), problem, mend });
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me && meta.uid() != 0 {
        return exposed("belongs to another user", "use a folder of your own");
    }
    if meta.is_symlink() {
        return exposed("is a symbolic link", "name the place that it points to");
    }
    let mode = meta.mode();
    match (secret, meta.is_dir()) {
        (true, true) if mode & 0o077 != 0 => exposed("can be entered by others", "run `chmod 700` on it"),
        (true, false) if mode & 0o077 != 0 => exposed("can be read by others", "run `chmod 600` on it"),
        _ if mode & 0o022 != 0 => exposed("can be written by others", "run `chmod go-w` on it"),
        _ => Ok(()),
    }
}
