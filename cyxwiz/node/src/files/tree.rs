//! Folders that an untrusted script writes, possibly at this very moment. Nothing is reached through a link.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use cyxwiz_model::FilePath;
use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use sha2::{Digest as _, Sha256};

/// How deep folders may lie.
const MAX_DEPTH: usize = 64;
/// Skipped names that are told one by one.
const MAX_TOLD: usize = 20;

/// What a folder may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) path: FilePath,
    pub(crate) size: u64,
    pub(crate) inode: u64,
    /// When its content changed last, nanoseconds since 1970.
    pub(crate) modified_ns: i128,
}

/// What lies in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Its files, by path.
    pub(crate) files: Vec<Entry>,
    /// What was left out, and why.
    pub(crate) skipped: Vec<String>,
    /// How many more were left out.
    pub(crate) skipped_more: usize,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// Bytes of disk that they take.
    pub(crate) disk_bytes: u64,
    /// Whether there is more than the bounds allow; then the rest was not looked at.
    pub(crate) too_much: bool,
}

/// Lists a folder.
pub(crate) fn scan(root: &Path, bounds: Bounds) -> io::Result<Scan> {
    let top = rustix::fs::open(root, DIR_FLAGS, Mode::empty())?;
    let mut scan = Scan::default();
    scan.walk(top, "", 0, bounds)?;
    scan.files.sort();
    Ok(scan)
}

const DIR_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A pipe must not hold up who opens it.
const FILE_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl Scan {
    fn walk(&mut self, dir: OwnedFd, prefix: &str, depth: usize, bounds: Bounds) -> io::Result<()> {
        for entry in Dir::read_from(dir.as_fd())? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if self.too_much {
                return Ok(());
            }
            let shown = || format!("{prefix}{}", String::from_utf8_lossy(name).escape_debug());
            let stat = rustix::fs::statat(&dir, entry.file_name(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW);
            let stat = match stat {
                Ok(stat) => stat,
                // gone while we looked
                Err(rustix::io::Errno::NOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let path = std::str::from_utf8(name).ok().map(|name| format!("{prefix}{name}"));
            let parsed = path.as_deref().and_then(|path| path.parse::<FilePath>().ok());
            match (FileType::from_raw_mode(stat.st_mode), parsed) {
                (FileType::Directory, _) if depth >= MAX_DEPTH => self.skip(&shown(), "lies too deep"),
                (FileType::Directory, Some(path)) => {
                    match openat(&dir, OsStr::from_bytes(name), DIR_FLAGS, Mode::empty()) {
                        Ok(inner) => self.walk(inner, &format!("{path}/"), depth + 1, bounds)?,
                        Err(errno) => self.skip(&shown(), &errno.to_string()),
                    }
                }
                (FileType::RegularFile, Some(path)) => self.add(path, &stat, bounds),
                (FileType::Directory | FileType::RegularFile, None) => {
                    self.skip(&shown(), "has a name that other systems would misread");
                }
                (FileType::Symlink, _) => self.skip(&shown(), "is a symbolic link"),
                _ => self.skip(&shown(), "is no file"),
            }
        }
        Ok(())
    }

    fn add(&mut self, path: FilePath, stat: &rustix::fs::Stat, bounds: Bounds) {
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(size);
        self.disk_bytes =
            self.disk_bytes.saturating_add(u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512));
        let modified_ns = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        self.files.push(Entry { path, size, inode: stat.st_ino, modified_ns });
        self.too_much = self.files.len() > bounds.files || self.bytes > bounds.bytes;
    }

    fn skip(&mut self, what: &str, why: &str) {
        if self.skipped.len() < MAX_TOLD {
            self.skipped.push(format!("`{what}` {why}"));
        } else {
            self.skipped_more += 1;
        }
    }
}

/// Opens a file below `root` without following a link anywhere on the way.
pub(crate) fn open(root: &Path, path: &FilePath) -> io::Result<File> {
    let mut dir = rustix::fs::open(root, DIR_FLAGS, Mode::empty())?;
    let mut parts = path.parts().peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            dir = openat(&dir, part, DIR_FLAGS, Mode::empty())?;
            continue;
        }
        let file = File::from(openat(&dir, part, FILE_FLAGS, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        return Ok(file);
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Hashes what an open file holds; returns digest and size.
pub(crate) fn hash(file: &mut File) -> io::Result<([u8; 32], u64)> {
    file.seek(SeekFrom::Start(0))?;
    let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0_u64, vec![0; 256 << 10]);
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(bytes) if count > 0 => {
                hasher.update(bytes);
                size += count as u64;
            }
            _ => return Ok((hasher.finalize().into(), size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const WIDE: Bounds = Bounds { files: 100, bytes: 1 << 20 };

    #[test]
    fn only_regular_files_with_honest_names_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/é 1.txt"), b"hello").unwrap();
        fs::write(root.join("z"), b"").unwrap();
        symlink("/etc/passwd", root.join("secret")).unwrap();
        symlink("/etc", root.join("etc")).unwrap();
        fs::write(root.join(OsStr::from_bytes(b"bad\xff")), b"x").unwrap();
        fs::write(root.join("new\nline"), b"x").unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join("pipe"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        let scan = scan(root, WIDE).unwrap();
        let paths: Vec<&str> = scan.files.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a/b/é 1.txt", "z"]);
        assert_eq!((scan.bytes, scan.skipped.len(), scan.too_much), (5, 5, false));
        assert!(scan.skipped.iter().all(|line| !line.contains('\n')), "{:?}", scan.skipped);
    }

    #[test]
    fn nothing_is_opened_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/f"), b"secret").unwrap();
        symlink(dir.path().join("outside"), root.join("d")).unwrap();
        symlink(dir.path().join("outside/f"), root.join("f")).unwrap();
        assert!(open(&root, &"d/f".parse().unwrap()).is_err());
        assert!(open(&root, &"f".parse().unwrap()).is_err());
        fs::write(root.join("g"), b"mine").unwrap();
        let mut file = open(&root, &"g".parse().unwrap()).unwrap();
        let (digest, size) = hash(&mut file).unwrap();
        assert_eq!((digest, size), (Sha256::digest(b"mine").into(), 4));
    }

    #[test]
    fn a_scan_ends_at_its_bounds() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..50 {
            fs::write(dir.path().join(n.to_string()), [0; 100]).unwrap();
        }
        assert!(scan(dir.path(), Bounds { files: 10, bytes: 1 << 20 }).unwrap().too_much);
        assert!(scan(dir.path(), Bounds { files: 100, bytes: 4_999 }).unwrap().too_much);
        assert!(!scan(dir.path(), Bounds { files: 50, bytes: 5_000 }).unwrap().too_much);
    }
}
