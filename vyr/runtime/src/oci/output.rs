use std::{fs, io, path::Path};

/// Files and folders under `/out`; more counts as too much output.
const ENTRIES: u64 = 100_000;
/// Depth of folders under `/out`; deeper counts as too much output.
const DEPTH: usize = 128;

/// Tells whether the files under `folder` hold more than `limit` bytes. Links are not followed.
pub(crate) fn passes(folder: &Path, limit: u64) -> bool {
    let mut left = Left { bytes: limit, entries: ENTRIES };
    left.take(folder, DEPTH).is_none()
}

struct Left {
    bytes: u64,
    entries: u64,
}

impl Left {
    fn take(&mut self, folder: &Path, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        // What vanishes while it is counted takes no room.
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(io::Result::ok) {
            self.entries = self.entries.checked_sub(1)?;
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                self.take(&entry.path(), depth)?;
            } else if data.is_file() {
                self.bytes = self.bytes.checked_sub(data.len())?;
            }
        }
        Some(())
    }
}
