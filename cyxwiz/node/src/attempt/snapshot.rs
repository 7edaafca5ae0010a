//! When what lies in a folder that a script writes to is whole, and copies of it then.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::files::{Entry, Scan, hash, open_file};

/// Files that have not changed for so long are whole.
const QUIET: Duration = Duration::from_secs(2);
/// A script that writes all the time gets its checkpoint anyway, once it is so much overdue: then a shorter quiet does.
const OVERDUE: Duration = Duration::from_secs(10);
/// How long a file is watched of which nobody knows yet whether it is whole.
pub(super) const SHORT_QUIET: Duration = Duration::from_millis(250);
/// Files that are held open to be watched.
const FEW: usize = 64;

/// What is to be done with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// Nothing: nothing is due, or nothing is new, or it is being written.
    No,
    /// It is whole.
    Quiet,
    /// Something was written just now. A file that is replaced while it is watched, and not written to, is whole: so
    /// write those who write under another name and rename.
    Watch,
}

/// A copy that nobody else sees, with its digest.
pub(super) type Staged = (Entry, [u8; 32], File);

/// Tells what to do. `due` is for how long a checkpoint has been due.
pub(super) fn ready(seen: &Scan, sent: &[Entry], due: Option<Duration>, now_ns: i128) -> Ready {
    let Some(due) = due else { return Ready::No };
    if seen.files.is_empty() || seen.too_much || seen.files == sent {
        return Ready::No;
    }
    let quiet = if due > OVERDUE { SHORT_QUIET } else { QUIET };
    if seen.files.iter().all(|entry| is_quiet(entry, quiet, now_ns)) {
        return Ready::Quiet;
    }
    if seen.files.len() <= FEW { Ready::Watch } else { Ready::No }
}

fn is_quiet(entry: &Entry, quiet: Duration, now_ns: i128) -> bool {
    now_ns - entry.modified_ns >= i128::try_from(quiet.as_nanos()).unwrap_or(i128::MAX)
}

/// Files that are held open: what their names stand for later is of no matter.
pub(super) struct Held(Vec<(Entry, File)>);

impl Held {
    pub(super) fn open(from: &Path, entries: &[Entry]) -> io::Result<Self> {
        let open = |entry: &Entry| Ok((entry.clone(), open_file(from, &entry.path)?));
        entries.iter().map(open).collect::<io::Result<_>>().map(Self)
    }

    /// Whether each is whole: nobody wrote to it, and it was replaced or has been quiet for long enough.
    pub(super) fn is_whole(&self, again: &[Entry], now_ns: i128) -> io::Result<bool> {
        for (entry, file) in &self.0 {
            let stays = again.iter().any(|now| now.path == entry.path && now.inode == entry.inode);
            if !is_same(file, entry)? || (stays && !is_quiet(entry, QUIET, now_ns)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn copy(self, to: &Path) -> io::Result<Vec<Staged>> {
        empty(to)?;
        self.0.into_iter().map(|(entry, mut file)| copy(&mut file, entry, to)).collect()
    }
}

/// Copies files that a script may be writing to, so that what is hashed is what is sent.
pub(super) fn stage(from: &Path, to: &Path, entries: &[Entry]) -> io::Result<Vec<Staged>> {
    empty(to)?;
    entries.iter().map(|entry| copy(&mut open_file(from, &entry.path)?, entry.clone(), to)).collect()
}

fn empty(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(folder),
    }
}

/// One that changed is as good as gone.
fn copy(source: &mut File, entry: Entry, to: &Path) -> io::Result<Staged> {
    let place = to.join(entry.inode.to_string());
    let mut copy = fs::OpenOptions::new().read(true).write(true).create_new(true).open(&place)?;
    // nobody else sees it from here on
    fs::remove_file(&place)?;
    let copied = io::copy(&mut io::Read::take(&mut *source, entry.size + 1), &mut copy)?;
    if copied != entry.size || !is_same(source, &entry)? {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    let (sha256, _) = hash(&mut copy)?;
    Ok((entry, sha256, copy))
}

fn is_same(file: &File, entry: &Entry) -> io::Result<bool> {
    let now = file.metadata()?;
    let modified_ns = i128::from(now.mtime()) * 1_000_000_000 + i128::from(now.mtime_nsec());
    Ok((now.len(), now.ino(), modified_ns) == (entry.size, entry.inode, entry.modified_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Bounds, scan};

    const SECOND: i128 = 1_000_000_000;
    const BOUNDS: Bounds = Bounds { files: 99, bytes: 99 };

    fn seen(modified: &[i128]) -> Scan {
        let entry = |(n, modified_ns): (usize, &i128)| Entry {
            path: format!("f{n}").parse().unwrap(),
            size: 1,
            inode: 1,
            modified_ns: *modified_ns,
        };
        Scan { files: modified.iter().enumerate().map(entry).collect(), ..Scan::default() }
    }

    #[test]
    fn a_checkpoint_is_whole_when_it_is_quiet() {
        let due = Some(Duration::from_secs(1));
        let now = 100 * SECOND;
        assert_eq!(ready(&seen(&[98 * SECOND, 90 * SECOND]), &[], due, now), Ready::Quiet);
        assert_eq!(ready(&seen(&[99 * SECOND, 90 * SECOND]), &[], due, now), Ready::Watch);
        assert_eq!(ready(&seen(&[now; FEW + 1]), &[], due, now), Ready::No);
        assert_eq!(ready(&seen(&[]), &[], due, now), Ready::No);
        assert_eq!(ready(&seen(&[1]), &[], None, now), Ready::No);
        assert_eq!(ready(&seen(&[1]), &seen(&[1]).files, due, now), Ready::No);
        assert_eq!(ready(&Scan { too_much: true, ..seen(&[1]) }, &[], due, now), Ready::No);
    }

    #[test]
    fn one_that_is_long_overdue_waits_for_less() {
        let now = 100 * SECOND;
        let busy = seen(&[now - SECOND / 2]);
        assert_eq!(ready(&busy, &[], Some(Duration::from_secs(9)), now), Ready::Watch);
        assert_eq!(ready(&busy, &[], Some(Duration::from_secs(11)), now), Ready::Quiet);
        assert_eq!(ready(&seen(&[now]), &[], Some(Duration::from_secs(11)), now), Ready::Watch);
    }

    #[test]
    fn what_is_renamed_into_place_again_and_again_is_whole_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir_all(&from).unwrap();
        let save = |text: &str| {
            fs::write(from.join("part"), text).unwrap();
            fs::rename(from.join("part"), from.join("state")).unwrap();
        };
        let files = || scan(&from, BOUNDS).unwrap().files;
        save("one");
        let (first, now) = (files(), files()[0].modified_ns);
        let held = Held::open(&from, &first).unwrap();
        assert!(!held.is_whole(&files(), now).unwrap(), "it may still be written to");
        save("two");
        assert!(held.is_whole(&files(), now).unwrap());
        let staged = held.copy(&to).unwrap();
        assert_eq!((staged.len(), staged[0].0.path.as_str(), staged[0].0.size), (1, "state", 3));
        let held = Held::open(&from, &files()).unwrap();
        fs::write(from.join("state"), "in place").unwrap();
        assert!(!held.is_whole(&[], now).unwrap(), "it was written to");
        assert!(held.copy(&to).is_err());
    }

    #[test]
    fn a_copy_is_of_one_piece() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir_all(from.join("d")).unwrap();
        fs::write(from.join("d/x"), b"abc").unwrap();
        let files = scan(&from, BOUNDS).unwrap().files;
        let staged = stage(&from, &to, &files).unwrap();
        assert_eq!(staged.len(), 1);
        fs::write(from.join("d/x"), b"abcd").unwrap();
        assert!(stage(&from, &to, &files).is_err());
    }
}
