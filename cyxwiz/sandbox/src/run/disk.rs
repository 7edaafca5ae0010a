//! What the writable folders of a job hold: no quota of the file system is needed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Time between two looks, and at least this many times what a look takes.
const LOOK: Duration = Duration::from_millis(25);
const LOOK_SHARE: u32 = 10;
/// Depth of folders; deeper counts as too much.
const DEPTH: usize = 64;
/// Bytes of a block as `stat` counts them.
const BLOCK: u64 = 512;

/// What a job may leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

/// Completes when the folders hold more than they may.
pub(super) async fn used_up(folders: Vec<PathBuf>, room: Room) {
    let mut pause = LOOK;
    loop {
        tokio::time::sleep(pause).await;
        let began = Instant::now();
        if passed(folders.clone(), room).await {
            return;
        }
        pause = LOOK.max(began.elapsed() * LOOK_SHARE);
    }
}

/// Looks once.
pub(super) async fn passed(folders: Vec<PathBuf>, room: Room) -> bool {
    let look = tokio::task::spawn_blocking(move || passes(&folders, room));
    look.await.unwrap_or(true)
}

fn passes(folders: &[PathBuf], mut left: Room) -> bool {
    folders.iter().any(|folder| left.take(folder, DEPTH).is_none())
}

impl Room {
    /// Takes what a folder holds, links not followed; `None` when there is no more room.
    fn take(&mut self, folder: &Path, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        // what vanishes while it is counted takes no room
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(io::Result::ok) {
            self.entries = self.entries.checked_sub(1)?;
            let Ok(data) = entry.metadata() else { continue };
            if data.is_dir() {
                self.take(&entry.path(), depth)?;
            } else if data.is_file() {
                // a file with holes is as long for who fetches it; a short one still takes its blocks
                self.bytes = self.bytes.checked_sub(data.len().max(data.blocks().saturating_mul(BLOCK)))?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_files_and_depth_are_counted_and_links_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [dir.path().to_owned()];
        let room = |bytes, entries| passes(&folders, Room { bytes, entries });
        fs::write(dir.path().join("a"), vec![0; 10_000]).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("root")).unwrap();
        assert!(!room(20_000, 2));
        assert!(room(9_999, 2) && room(20_000, 1));
        fs::File::create(dir.path().join("holes")).unwrap().set_len(1 << 40).unwrap();
        assert!(room(1 << 30, 10));
        let deep = dir.path().join(vec!["d"; DEPTH + 1].join("/"));
        fs::create_dir_all(deep).unwrap();
        assert!(room(u64::MAX, u64::MAX));
    }
}
