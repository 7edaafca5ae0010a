//! What is mounted where, as the kernel tells it.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

/// A mount namespace, by a process in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Space(PathBuf);

impl Space {
    pub(super) fn ours() -> Self {
        Self(PathBuf::from("/proc/self"))
    }

    pub(super) fn of(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    /// Whether mounts of this process are seen there. One that cannot be looked at counts as ours: nothing is done in it.
    pub(super) fn is_ours(&self) -> bool {
        match (fs::read_link(self.namespace()), fs::read_link(Self::ours().namespace())) {
            (Ok(theirs), Ok(ours)) => theirs == ours,
            _ => true,
        }
    }

    pub(super) fn namespace(&self) -> PathBuf {
        self.0.join("ns/mnt")
    }

    /// The device that is mounted at a folder.
    pub(super) fn device(&self, folder: &Path) -> io::Result<Option<PathBuf>> {
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        Ok(device(&fs::read_to_string(self.0.join("mountinfo"))?, &folder))
    }
}

/// The last line counts: what it mounts covers what came before.
fn device(mountinfo: &str, folder: &Path) -> Option<PathBuf> {
    mountinfo.lines().rev().find_map(|line| {
        let (place, what) = line.split_once(" - ")?;
        let is_there = plain(place.split(' ').nth(4)?) == folder;
        is_there.then(|| what.split(' ').nth(1).map(plain)).flatten()
    })
}

/// Undoes what the kernel writes for blanks, line ends and backslashes.
fn plain(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(b'\\'));
        rest = if code.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_mount_of_a_folder_is_found() {
        let text = "36 35 98:0 / /a\\040b rw,noatime shared:1 - ext4 /dev/loop0 rw\n\
                    37 35 98:1 / /a\\040b rw - ext4 /dev/loop1 rw\n\
                    38 35 98:2 / /c rw - tmpfs tmpfs rw\n";
        assert_eq!(device(text, Path::new("/a b")), Some("/dev/loop1".into()));
        assert_eq!(device(text, Path::new("/a")), None);
        assert_eq!(plain("a\\134b\\9"), Path::new("a\\b\\9"));
    }

    #[test]
    fn our_own_space_is_ours() {
        assert!(Space::of(std::process::id()).is_ours());
        assert!(Space::ours().device(Path::new("/proc")).unwrap().is_some());
    }
}
