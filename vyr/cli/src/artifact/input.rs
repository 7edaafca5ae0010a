use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use vyr_store::StoreOptions;

use crate::error::CliError;

/// A file that is read more than once: to hash it, then to send it. What can be read once only, such as a pipe, is
/// copied first.
pub(crate) struct Input {
    path: PathBuf,
    /// Has no name, so that a signal leaves nothing behind; its path is that of the open file.
    copy: Option<File>,
}

impl Input {
    /// Takes a file as it is, and everything else but a folder as a copy.
    pub(crate) fn of(path: &Path) -> Result<Self, CliError> {
        let metadata = fs::metadata(path).map_err(|source| failed("read", path, source))?;
        if metadata.is_file() || metadata.is_dir() {
            return Ok(Self { path: path.to_owned(), copy: None });
        }
        Self::spool(File::open(path).map_err(|source| failed("read", path, source))?, path)
    }

    /// Copies what `from`, known as `path`, has to its end.
    pub(crate) fn spool(from: impl Read, path: &Path) -> Result<Self, CliError> {
        // the most that any node takes as one blob
        let most = StoreOptions::new("").max_blob_bytes;
        Self::spool_at_most(from, path, most)
    }

    fn spool_at_most(from: impl Read, path: &Path, most: u64) -> Result<Self, CliError> {
        let temporary = |source| failed("make a temporary copy of", path, source);
        let mut copy = tempfile::tempfile().map_err(temporary)?;
        let copied = io::copy(&mut from.take(most.saturating_add(1)), &mut copy).map_err(temporary)?;
        if copied > most {
            let size = crate::output::size(most);
            let path = path.display();
            return Err(CliError::Usage(format!(
                "`{path}` has more than {size}, the most that a node takes: send less"
            )));
        }
        Ok(Self { path: format!("/proc/self/fd/{}", copy.as_raw_fd()).into(), copy: Some(copy) })
    }

    /// Returns where its bytes are.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells whether a copy holds nothing.
    pub(crate) fn is_empty(&self) -> Result<bool, CliError> {
        let length = self.copy.as_ref().map(File::metadata).transpose();
        let length = length.map_err(|source| failed("read", &self.path, source))?;
        Ok(length.is_some_and(|metadata| metadata.len() == 0))
    }
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> CliError {
    CliError::File { what, path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_once_is_copied_up_to_the_limit() {
        let copied = Input::spool_at_most(&b"12345"[..], Path::new("pipe"), 5).unwrap();
        assert_eq!(fs::read(copied.path()).unwrap(), b"12345");
        assert!(!copied.is_empty().unwrap());
        // from its start, however often
        assert_eq!(fs::read(copied.path()).unwrap(), b"12345");
        let over = Input::spool_at_most(&b"123456"[..], Path::new("pipe"), 5);
        assert!(matches!(over, Err(CliError::Usage(text)) if text.contains("`pipe` has more than 5 B")));
        assert!(Input::spool_at_most(&b""[..], Path::new("pipe"), 5).unwrap().is_empty().unwrap());
    }

    #[test]
    fn a_file_is_taken_as_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let input = Input::of(file.path()).unwrap();
        assert_eq!((input.path(), input.is_empty().unwrap()), (file.path(), false));
        assert!(Input::of(Path::new("/nonexistent")).is_err());
    }
}
