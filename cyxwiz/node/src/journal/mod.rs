//! What the agent must not forget: attempts, their output that is not pushed yet, their reports, their uploads.
//!
//! ```text
//! attempts ─┬─ log      entries by sequence number, deleted when the server has them
//!           ├─ reports  steps in order, deleted when the server has taken them
//!           └─ uploads  where an upload goes on
//! ```
//! SQLite, synced with each commit. An attempt's rows go with its last step.

mod attempts;
mod log;
mod reports;
mod uploads;

use std::path::Path;

use parking_lot::Mutex;
use rusqlite::Connection;

pub(crate) use attempts::Step;
pub(crate) use uploads::UploadKey;

use crate::error::CliError;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS attempts (
        id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, assignment BLOB NOT NULL, step TEXT NOT NULL,
        task TEXT NOT NULL DEFAULT '', ending BLOB, log_seq INTEGER NOT NULL DEFAULT 0,
        log_bytes INTEGER NOT NULL DEFAULT 0, log_full INTEGER NOT NULL DEFAULT 0,
        checkpoints INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE IF NOT EXISTS log (
        attempt TEXT NOT NULL REFERENCES attempts ON DELETE CASCADE, seq INTEGER NOT NULL, entry BLOB NOT NULL,
        PRIMARY KEY (attempt, seq)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reports (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        attempt TEXT NOT NULL REFERENCES attempts ON DELETE CASCADE, request BLOB NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS reports_of ON reports (attempt, n);
    CREATE TABLE IF NOT EXISTS uploads (
        attempt TEXT NOT NULL REFERENCES attempts ON DELETE CASCADE, kind TEXT NOT NULL, number INTEGER NOT NULL,
        path TEXT NOT NULL, sha256 BLOB NOT NULL, location TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (attempt, kind, number, path)) STRICT, WITHOUT ROWID;
";

/// The journal. Calls are short; they block for as long as a sync takes.
pub(crate) struct Journal(Mutex<Connection>);

/// The journal cannot be read or written: the disk is full or failing.
#[derive(Debug, thiserror::Error)]
#[error("the journal failed")]
pub(crate) struct JournalError(#[from] rusqlite::Error);

impl Journal {
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let failed = |source| CliError::Journal { path: path.to_owned(), source };
        // upload tokens stand in it
        if !path.exists() {
            use std::os::unix::fs::OpenOptionsExt as _;
            let made = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
            made.map_err(|source| CliError::file("make", path, source))?;
        }
        let connection = Connection::open(path).map_err(failed)?;
        let set_up = || {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", "ON")?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            connection.execute_batch(SCHEMA)
        };
        set_up().map_err(failed)?;
        Ok(Self(Mutex::new(connection)))
    }
}
