use std::{
    fs::{self, File},
    io,
    path::{Component, Path},
};

use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags, mkdirat, open, openat},
    io::Errno,
};

use crate::error::CliError;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// Makes the folder for `/out`, or says why it cannot be one, before anything runs.
pub(super) fn make(out: &Path) -> Result<(), CliError> {
    if out.exists() && !out.is_dir() {
        return Err(CliError::Usage(format!("`{}` is no folder: name one with --out", out.display())));
    }
    fs::create_dir_all(out).map_err(|source| CliError::File {
        what: "make the folder",
        path: out.display().to_string(),
        source,
    })
}

/// The folder that a guest's files are written to, and nothing outside.
pub(super) struct OutDir<'a> {
    path: &'a Path,
    root: OwnedFd,
}

impl<'a> OutDir<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, CliError> {
        let root = open(path, FOLDER, Mode::empty()).map_err(|errno| failed(path, errno.into()))?;
        Ok(Self { path, root })
    }

    /// Makes the file of a path that a node sent. No link on the way is followed: neither the guest's, of a run
    /// before, nor anybody's.
    pub(super) fn create(&self, path: &str) -> Result<File, CliError> {
        let whole = self.path.join(path.trim_start_matches('/'));
        let Some(names) = names(path) else {
            let problem =
                io::Error::new(io::ErrorKind::InvalidData, "the node sent a path that leaves the folder");
            return Err(failed(&whole, problem));
        };
        self.create_beneath(&names).map_err(|errno| match errno {
            Errno::LOOP | Errno::NOTDIR => {
                failed(&whole, io::Error::other("a link or a file is in the way: remove it"))
            }
            errno => failed(&whole, errno.into()),
        })
    }

    fn create_beneath(&self, names: &[&str]) -> Result<File, Errno> {
        let Some((file, folders)) = names.split_last() else { return Err(Errno::INVAL) };
        let mut folder: Option<OwnedFd> = None;
        for name in folders {
            let parent = folder.as_ref().unwrap_or(&self.root);
            match mkdirat(parent, *name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            folder = Some(openat(parent, *name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?);
        }
        // without waiting, should somebody's pipe have that name
        let flags = OFlags::WRONLY
            | OFlags::CREATE
            | OFlags::TRUNC
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC;
        let parent = folder.as_ref().unwrap_or(&self.root);
        openat(parent, *file, flags, Mode::from_raw_mode(0o666)).map(File::from)
    }
}

/// Splits a path into its names; `None` where it has others than names.
fn names(path: &str) -> Option<Vec<&str>> {
    let names = Path::new(path).components().map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

fn failed(path: &Path, source: io::Error) -> CliError {
    CliError::File { what: "write", path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn files_come_beneath_the_folder_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a/out");
        make(&out).unwrap();
        let to = OutDir::open(&out).unwrap();
        for path in ["file", "deep/er/file"] {
            to.create(path).unwrap().write_all(b"bytes").unwrap();
            assert_eq!(fs::read(out.join(path)).unwrap(), b"bytes", "{path}");
        }
        // again, over what is there
        to.create("file").unwrap();
        assert_eq!(fs::read(out.join("file")).unwrap(), b"");
        for path in ["", "./file", "/etc/file", "../file", "deep/../../file", "/", ".."] {
            assert!(to.create(path).is_err(), "{path}");
        }
        assert!(!dir.path().join("a/file").exists());
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (out, outside) = (dir.path().join("out"), dir.path().join("outside"));
        make(&out).unwrap();
        make(&outside).unwrap();
        symlink(&outside, out.join("folder")).unwrap();
        symlink(outside.join("file"), out.join("file")).unwrap();
        let to = OutDir::open(&out).unwrap();
        for path in ["file", "folder/file"] {
            let error = to.create(path).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("in the way"), "{path}: {cause}");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_folder_is_told() {
        assert!(matches!(make(Path::new("/dev/null")), Err(CliError::Usage(_))));
    }
}
