//! What a job left in a folder, for who fetches it. The job is hostile: names, links and devices are its own choice.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// What may be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// Files. Default 10,000.
    pub files: usize,
    /// Bytes of all files together. Default 10 GiB.
    pub bytes: u64,
    /// How deep folders may lie. Default 32.
    pub depth: usize,
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        Self { files: 10_000, bytes: 10 << 30, depth: 32 }
    }
}

/// The files of a folder, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Each regular file: its path below the folder, with `/` between its parts, and its length in bytes.
    pub files: Vec<(String, u64)>,
    /// What is left out, as one can show it: links, devices, names that are no UTF-8 or hold control characters.
    pub left_out: Vec<String>,
    folder: PathBuf,
}

/// Why a folder is not delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// More files, more bytes or deeper folders than the limits allow.
    #[error("the job left too much: {0}")]
    TooMuch(&'static str),
    /// The folder cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// What cannot be read.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Names shown of what is left out; the rest is not collected.
const MAX_LEFT_OUT: usize = 100;

/// Lists what a job left in `folder`. No link is followed.
///
/// # Errors
/// It left more than the limits allow, or the folder cannot be read.
pub fn deliver(folder: &Path, limits: &DeliveryLimits) -> Result<Delivery, DeliveryError> {
    let mut delivery = Delivery { folder: folder.to_owned(), ..Delivery::default() };
    let mut bytes = 0;
    delivery.walk(folder, "", 0, limits, &mut bytes)?;
    delivery.files.sort();
    delivery.left_out.sort();
    Ok(delivery)
}

impl Delivery {
    /// Opens one of its files: never through a link, never outside the folder.
    ///
    /// # Errors
    /// It is gone, or became something else.
    pub fn open(&self, path: &str) -> io::Result<File> {
        let folder = File::open(&self.folder)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = File::from(rustix::fs::openat2(&folder, path, flags, Mode::empty(), resolve)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file any more"));
        }
        Ok(file)
    }

    fn walk(
        &mut self,
        dir: &Path,
        prefix: &str,
        depth: usize,
        limits: &DeliveryLimits,
        bytes: &mut u64,
    ) -> Result<(), DeliveryError> {
        let failed = |source| DeliveryError::Read { path: dir.to_owned(), source };
        if depth > limits.depth {
            return Err(DeliveryError::TooMuch("its folders lie too deep"));
        }
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = entry.metadata().map_err(failed)?;
            let name = entry.file_name();
            let plain = name.to_str().filter(|name| !name.chars().any(char::is_control));
            match plain {
                Some(name) if metadata.is_dir() => {
                    self.walk(&entry.path(), &format!("{prefix}{name}/"), depth + 1, limits, bytes)?;
                }
                Some(name) if metadata.is_file() => {
                    *bytes = bytes.saturating_add(metadata.len());
                    self.files.push((format!("{prefix}{name}"), metadata.len()));
                }
                _ if self.left_out.len() < MAX_LEFT_OUT => {
                    let shown = name.to_string_lossy().escape_default().to_string();
                    self.left_out.push(format!("{prefix}{shown}"));
                }
                _ => {}
            }
            if self.files.len() > limits.files {
                return Err(DeliveryError::TooMuch("it has too many files"));
            }
            if *bytes > limits.bytes {
                return Err(DeliveryError::TooMuch("its files are too long together"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, io::Read as _, os::unix::ffi::OsStrExt as _, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_and_hostile_names_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/model ü.bin"), "abc").unwrap();
        symlink("/etc/passwd", dir.path().join("link")).unwrap();
        symlink("/etc", dir.path().join("folder")).unwrap();
        fs::write(dir.path().join("a\nb"), "").unwrap();
        fs::write(dir.path().join(OsStr::from_bytes(b"\xff")), "").unwrap();
        let delivery = deliver(dir.path(), &DeliveryLimits::default()).unwrap();
        assert_eq!(delivery.files, [("d/model ü.bin".to_owned(), 3)]);
        assert_eq!(delivery.left_out.len(), 4, "{:?}", delivery.left_out);
        let mut text = String::new();
        delivery.open("d/model ü.bin").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        for path in ["link", "folder/passwd", "../x", "/etc/passwd", "d"] {
            assert!(delivery.open(path).is_err(), "{path}");
        }
    }

    #[test]
    fn limits_hold() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(dir.path().join(name), "abc").unwrap();
        }
        let all = DeliveryLimits::default();
        for limits in [DeliveryLimits { files: 1, ..all }, DeliveryLimits { bytes: 5, ..all }] {
            assert!(matches!(deliver(dir.path(), &limits), Err(DeliveryError::TooMuch(_))));
        }
        fs::create_dir_all(dir.path().join("1/2/3")).unwrap();
        assert!(deliver(dir.path(), &DeliveryLimits { depth: 2, ..all }).is_err());
    }
}
