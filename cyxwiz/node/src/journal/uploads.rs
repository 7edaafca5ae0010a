use cyxwiz_model::{AttemptId, FilePath};
use rusqlite::{OptionalExtension as _, params};

use super::{Journal, JournalError};

/// Which file of an attempt an upload carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UploadKey<'a> {
    pub(crate) attempt: AttemptId,
    /// `output` or `checkpoint`.
    pub(crate) kind: &'static str,
    /// The checkpoint's number; 0 for outputs.
    pub(crate) number: u32,
    pub(crate) path: &'a FilePath,
    pub(crate) sha256: &'a [u8; 32],
}

impl Journal {
    /// Where the upload of this very content goes on, and whether it is done.
    pub(crate) fn upload(&self, key: UploadKey<'_>) -> Result<Option<(String, bool)>, JournalError> {
        let select = "SELECT location, done FROM uploads
            WHERE attempt = ?1 AND kind = ?2 AND number = ?3 AND path = ?4 AND sha256 = ?5";
        let values =
            params![key.attempt.to_string(), key.kind, key.number, key.path.as_str(), key.sha256.as_slice()];
        let row = self.0.lock().query_row(select, values, |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    }

    /// Notes where an upload goes on, or that it is done.
    pub(crate) fn set_upload(
        &self,
        key: UploadKey<'_>,
        location: &str,
        done: bool,
    ) -> Result<(), JournalError> {
        let insert = "INSERT OR REPLACE INTO uploads (attempt, kind, number, path, sha256, location, done)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let (attempt, sha256) = (key.attempt.to_string(), key.sha256.as_slice());
        let values = params![attempt, key.kind, key.number, key.path.as_str(), sha256, location, done];
        self.0.lock().execute(insert, values)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_goes_on_only_with_the_same_content() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("journal.db")).unwrap();
        let attempt = AttemptId::generate();
        journal.accept(attempt, 1, b"").unwrap();
        let path = "a/b".parse().unwrap();
        let key = UploadKey { attempt, kind: "output", number: 0, path: &path, sha256: &[1; 32] };
        assert_eq!(journal.upload(key).unwrap(), None);
        journal.set_upload(key, "/files/1", false).unwrap();
        journal.set_upload(key, "/files/1", true).unwrap();
        assert_eq!(journal.upload(key).unwrap(), Some(("/files/1".to_owned(), true)));
        assert_eq!(journal.upload(UploadKey { sha256: &[2; 32], ..key }).unwrap(), None);
    }
}
