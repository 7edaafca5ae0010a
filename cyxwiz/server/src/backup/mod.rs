//! Backups of the database: one a day, some kept, restored into an empty database alone.
//!
//! ```text
//! backups/2026-11-21T03-00-00Z/ ─┬─ database.dump   pg_dump, custom format
//!                                ├─ objects.jsonl   every object that its files name: name, bytes
//!                                └─ backup.json     when, which version; written last: without it, it is none
//! ```
//! Objects are not copied: a bucket has its own ways, a folder is copied by the list. A restore says which are gone.

mod daily;
mod dump;
mod restore;

use std::path::{Path, PathBuf};

use cyxwiz_model::Moment;
use serde::{Deserialize, Serialize};

pub use daily::turn;
pub use dump::make;
pub use restore::{Missing, restore};

use crate::ServerError;

const DUMP: &str = "database.dump";
const OBJECTS: &str = "objects.jsonl";
const ABOUT: &str = "backup.json";

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// When it was begun.
    pub at: Moment,
    /// The server's version.
    pub version: String,
    /// Bytes of the dump.
    pub bytes: u64,
    /// Objects that its files name.
    pub objects: u64,
}

/// A whole backup.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Its name: the folder's.
    pub name: String,
    /// What it says of itself.
    pub about: About,
    folder: PathBuf,
}

/// Whole backups, newest first.
///
/// # Errors
/// A folder that cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Backup>, ServerError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(ServerError::path(folder))?,
    };
    let whole = |entry: std::fs::DirEntry| {
        let folder = entry.path();
        let about = std::fs::read(folder.join(ABOUT)).ok()?;
        let name = entry.file_name().into_string().ok()?;
        Some(Backup { name, about: serde_json::from_slice(&about).ok()?, folder })
    };
    let mut found: Vec<_> = entries.flatten().filter_map(whole).collect();
    found.sort_by(|one, two| (two.about.at, &two.name).cmp(&(one.about.at, &one.name)));
    Ok(found)
}

/// Deletes all but the newest `kept`.
///
/// # Errors
/// A folder that cannot be deleted.
pub fn forget_old(folder: &Path, kept: usize) -> Result<(), ServerError> {
    for old in list(folder)?.into_iter().skip(kept) {
        std::fs::remove_dir_all(&old.folder).map_err(ServerError::path(&old.folder))?;
    }
    Ok(())
}
