use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps},
    io::Errno,
    process::{Gid, Uid},
};

use super::layer::refused;

/// Bytes and parts that a folder's real path below the root may have, links resolved.
const REAL_PATH_BYTES: usize = 3072;
const REAL_PATH_PARTS: usize = 256;

const DIR_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// An image's root folder. Every path is resolved by the kernel as if this were `/`.
pub(crate) struct Tree {
    root: OwnedFd,
    real: PathBuf,
    /// Only root may give files to other users.
    owns: bool,
}

/// A folder below the root, where one entry is made or removed without following links.
pub(super) struct Parent {
    fd: OwnedFd,
    owns: bool,
}

/// An entry's owner, mode and time.
pub(super) struct Attributes {
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: u64,
}

impl Attributes {
    /// Reads a header; what it does not say becomes harmless.
    pub(super) fn of(header: &tar::Header) -> Self {
        let id = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or(65534);
        Self {
            mode: header.mode().unwrap_or(0o755),
            uid: id(header.uid()),
            gid: id(header.gid()),
            mtime: header.mtime().unwrap_or(0),
        }
    }

    fn times(&self) -> Timestamps {
        let time = Timespec { tv_sec: i64::try_from(self.mtime).unwrap_or(0), tv_nsec: 0 };
        Timestamps { last_access: time, last_modification: time }
    }

    // Set-user-id bits never take effect in a container, and must not lie about on the host.
    fn file_mode(&self) -> Mode {
        Mode::from_raw_mode(self.mode & 0o777)
    }

    fn dir_mode(&self) -> Mode {
        Mode::from_raw_mode(self.mode & 0o1777 | 0o700)
    }
}

impl Tree {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let fd = rustix::fs::open(root, DIR_FLAGS, Mode::empty())?;
        let real = fs::canonicalize(root)?;
        Ok(Self { root: fd, real, owns: rustix::process::geteuid().is_root() })
    }

    /// Opens the folder `path`, making what is missing of it.
    pub(crate) fn make_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        self.make_dir_marked(path, &mut HashSet::new())
    }

    /// Opens the folder in which `path` is an entry; its inodes join `made`.
    pub(super) fn make_parent(&self, path: &Path, made: &mut HashSet<u64>) -> io::Result<Parent> {
        let fd = self.make_dir_marked(path.parent().unwrap_or(Path::new("")), made)?;
        Ok(Parent { fd, owns: self.owns })
    }

    /// Makes `name` another name of the file `target`.
    pub(super) fn put_hard_link(&self, parent: &Parent, name: &OsStr, target: &Path) -> io::Result<u64> {
        let (Some(folder), Some(file)) = (target.parent(), target.file_name()) else {
            return Err(refused("its hard link has no target"));
        };
        let from = self.open_dir(folder)?;
        let stat = rustix::fs::statat(&from, file, AtFlags::SYMLINK_NOFOLLOW)?;
        if !matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Symlink) {
            return Err(refused("its hard link's target is no file"));
        }
        if parent.stat(name)?.is_none_or(|old| old.st_ino != stat.st_ino) {
            parent.remove(name)?;
            rustix::fs::linkat(&from, file, &parent.fd, name, AtFlags::empty())?;
        }
        Ok(stat.st_ino)
    }

    /// Waits until everything is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.root)?)
    }

    fn make_dir_marked(&self, path: &Path, made: &mut HashSet<u64>) -> io::Result<OwnedFd> {
        let mut folder = self.open_dir(Path::new(""))?;
        let mut prefix = PathBuf::new();
        for part in path.components() {
            prefix.push(part);
            let next = match self.open_dir(&prefix) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    rustix::fs::mkdirat(&folder, part.as_os_str(), Mode::from_raw_mode(0o755))?;
                    self.open_dir(&prefix)?
                }
                other => other?,
            };
            made.insert(rustix::fs::fstat(&next)?.st_ino);
            folder = next;
        }
        Ok(folder)
    }

    fn open_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let fd =
            rustix::fs::openat2(&self.root, path, DIR_FLAGS, Mode::empty(), resolve).map_err(|error| {
                if error == Errno::NOSYS {
                    io::Error::other("images need `openat2`: use Linux 5.6 or newer")
                } else {
                    io::Error::from(error)
                }
            })?;
        self.check_real_path(&fd)?;
        Ok(fd)
    }

    /// Links could build folders deeper than any tool can remove, and the kernel's word is checked once more.
    fn check_real_path(&self, fd: &OwnedFd) -> io::Result<()> {
        let real = fs::read_link(fd_path(fd))?;
        let inner = real.strip_prefix(&self.real).map_err(|_| refused("its folder lies outside the root"))?;
        if inner.as_os_str().len() > REAL_PATH_BYTES || inner.components().count() > REAL_PATH_PARTS {
            return Err(refused("its folder is too deep"));
        }
        Ok(())
    }
}

fn fd_path(fd: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

impl Parent {
    pub(super) fn put_dir(&self, name: &OsStr, attributes: &Attributes) -> io::Result<u64> {
        if !self.stat(name)?.is_some_and(|old| FileType::from_raw_mode(old.st_mode).is_dir()) {
            self.remove(name)?;
            rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o700))?;
        }
        let dir = rustix::fs::openat(&self.fd, name, DIR_FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        self.own(&dir, attributes)?;
        rustix::fs::fchmod(&dir, attributes.dir_mode())?;
        Ok(rustix::fs::fstat(&dir)?.st_ino)
    }

    pub(super) fn put_file(
        &self,
        name: &OsStr,
        attributes: &Attributes,
        bytes: &mut impl Read,
    ) -> io::Result<u64> {
        self.remove(name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.fd, name, flags, Mode::from_raw_mode(0o600))?);
        io::copy(bytes, &mut file)?;
        self.own(&file, attributes)?;
        rustix::fs::fchmod(&file, attributes.file_mode())?;
        rustix::fs::futimens(&file, &attributes.times())?;
        Ok(rustix::fs::fstat(&file)?.st_ino)
    }

    pub(super) fn put_symlink(
        &self,
        name: &OsStr,
        target: &OsString,
        attributes: &Attributes,
    ) -> io::Result<u64> {
        self.remove(name)?;
        rustix::fs::symlinkat(target, &self.fd, name)?;
        if self.owns {
            let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
            rustix::fs::chownat(&self.fd, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(self.stat(name)?.map_or(0, |stat| stat.st_ino))
    }

    /// Removes the entry `name` and all below it, if it is there.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match self.stat(name)? {
            None => Ok(()),
            Some(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => {
                fs::remove_dir_all(fd_path(&self.fd).join(name))
            }
            Some(_) => Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?),
        }
    }

    /// Removes every entry but those whose inode is in `keep`, in which only what lies deeper may go.
    pub(super) fn clear(&self, keep: &HashSet<u64>) -> io::Result<()> {
        let names: Vec<OsString> = Dir::read_from(&self.fd)?
            .map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()))
            .collect::<io::Result<_>>()?;
        for name in names.iter().filter(|name| *name != "." && *name != "..") {
            match self.stat(name)? {
                Some(stat) if !keep.contains(&stat.st_ino) => self.remove(name)?,
                Some(stat) if FileType::from_raw_mode(stat.st_mode).is_dir() => {
                    let flags = DIR_FLAGS | OFlags::NOFOLLOW;
                    let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
                    Self { fd, owns: self.owns }.clear(keep)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn own(&self, fd: impl AsFd, attributes: &Attributes) -> io::Result<()> {
        if self.owns {
            let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
            rustix::fs::fchown(fd, Some(uid), Some(gid))?;
        }
        Ok(())
    }
}
