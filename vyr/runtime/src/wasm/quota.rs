use std::{
    fs, io,
    path::{Path, PathBuf},
};

use vyr_model::LimitKind;

use super::error::Stop;

/// Bytes that may be written between two measurements even when little is left: the overshoot at most.
const QUANTUM: u64 = 64 << 10;
/// Files and folders under `/out`: a bound on what a guest costs the host's file system.
const MAX_ENTRIES: u64 = 65_536;

/// Holds `/out` to its limit.
///
/// Every byte written to any file counts against a credit. When it is used up the folder is measured: what it
/// really holds decides, and becomes the next credit. So a guest may rewrite a file as often as it likes.
pub(crate) struct OutQuota {
    dir: PathBuf,
    limit: u64,
    credit: u64,
    entries_credit: u64,
    foreign: bool,
}

impl OutQuota {
    /// `foreign` says that files may also come in unwritten, by a rename from another folder.
    pub(crate) fn new(dir: PathBuf, limit: u64, foreign: bool) -> Self {
        Self { dir, limit, credit: limit.max(QUANTUM), entries_credit: MAX_ENTRIES, foreign }
    }

    /// Counts `bytes` that a guest wrote.
    pub(crate) fn wrote(&mut self, bytes: u64) -> Result<(), Stop> {
        match self.credit.checked_sub(bytes) {
            Some(credit) => {
                self.credit = credit;
                Ok(())
            }
            None => {
                self.measure()?;
                // the bytes may not be in the file yet
                self.credit = self.credit.saturating_sub(bytes);
                Ok(())
            }
        }
    }

    /// Counts one file or folder that a guest may have made.
    pub(crate) fn made_entry(&mut self) -> Result<(), Stop> {
        match self.entries_credit.checked_sub(1) {
            Some(credit) => {
                self.entries_credit = credit;
                Ok(())
            }
            None => self.measure(),
        }
    }

    /// Compares what the folder holds with the limit.
    pub(crate) fn measure(&mut self) -> Result<(), Stop> {
        let (bytes, entries) = measured(&self.dir)
            .map_err(|error| Stop::Internal(format!("failed to measure the output folder: {error}")))?;
        if bytes > self.limit || entries > MAX_ENTRIES {
            return Err(Stop::Limit(LimitKind::Output));
        }
        self.credit = self.limit.saturating_sub(bytes).max(QUANTUM);
        self.entries_credit = MAX_ENTRIES.saturating_sub(entries).max(1);
        Ok(())
    }

    /// Compares at the end, unless what was written cannot have passed the limit.
    pub(crate) fn settle(&mut self) -> Result<(), Stop> {
        if self.credit >= QUANTUM && !self.foreign { Ok(()) } else { self.measure() }
    }
}

/// Returns the bytes in all regular files below `dir`, and the number of its entries.
fn measured(dir: &Path) -> io::Result<(u64, u64)> {
    let (mut bytes, mut entries) = (0_u64, 0_u64);
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            entries = entries.saturating_add(1);
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                bytes = bytes.saturating_add(entry.metadata()?.len());
            }
        }
    }
    Ok((bytes, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewriting_is_free_and_growing_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let mut quota = OutQuota::new(dir.path().to_owned(), 100_000, false);
        for _ in 0..20 {
            fs::write(&file, vec![0; 60_000]).unwrap();
            quota.wrote(60_000).unwrap();
        }
        quota.settle().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/g"), vec![0; 60_000]).unwrap();
        assert_eq!(quota.measure(), Err(Stop::Limit(LimitKind::Output)));
    }

    #[test]
    fn a_small_limit_is_exact_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut quota = OutQuota::new(dir.path().to_owned(), 10, false);
        fs::write(dir.path().join("f"), [0; 11]).unwrap();
        quota.wrote(11).unwrap();
        assert_eq!(quota.settle(), Err(Stop::Limit(LimitKind::Output)));
    }
}
