//! Which artifacts are listed: read once, and again when the index is another file.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use vyr_model::Digest;

use super::{Index, Store};

/// What tells one `index.json` from the next: it is only ever replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    inode: u64,
    modified: (i64, i64),
    len: u64,
}

impl Mark {
    pub(super) fn of(index: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(index)?;
        Ok(Self { inode: meta.ino(), modified: (meta.mtime(), meta.mtime_nsec()), len: meta.len() })
    }
}

/// The digests of the index that had this mark.
#[derive(Default)]
pub(super) struct Listed(Mutex<Option<(Mark, HashSet<Digest>)>>);

impl Store {
    /// Tells whether an artifact is in the list: it was put, and not removed since. Costs a look at one file's
    /// metadata. A list that cannot be read forbids nothing: what is signed is there all the same.
    pub fn is_listed(&self, digest: &Digest) -> bool {
        let Ok(mark) = Mark::of(&self.0.layout.index()) else { return true };
        let mut listed = self.0.listed.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listed.take().filter(|(known, _)| *known == mark);
        let (mark, digests) = match known {
            Some(known) => known,
            None => match Index::read(&self.0.layout) {
                Ok(index) => (mark, index.entries().iter().map(|entry| entry.digest).collect()),
                Err(_) => return true,
            },
        };
        let (_, digests) = listed.insert((mark, digests));
        digests.contains(digest)
    }

    /// Notes what a put of this process added to the index that had the mark `before`.
    pub(super) fn note_listed(&self, before: io::Result<Mark>, digest: Digest) {
        let (Ok(before), Ok(now)) = (before, Mark::of(&self.0.layout.index())) else { return };
        let mut listed = self.0.listed.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((mark, digests)) = listed.as_mut().filter(|(mark, _)| *mark == before) {
            *mark = now;
            digests.insert(digest);
        }
    }
}
