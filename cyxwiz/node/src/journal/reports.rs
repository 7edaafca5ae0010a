use cyxwiz_model::AttemptId;
use rusqlite::{OptionalExtension as _, params};

use super::{Journal, JournalError};

impl Journal {
    /// Keeps a report until the server has taken it.
    pub(crate) fn add_report(&self, id: AttemptId, request: &[u8]) -> Result<(), JournalError> {
        let insert = "INSERT INTO reports (attempt, request) VALUES (?1, ?2)";
        self.0.lock().execute(insert, params![id.to_string(), request])?;
        Ok(())
    }

    /// The oldest report that is to be sent.
    pub(crate) fn next_report(&self, id: AttemptId) -> Result<Option<(i64, Vec<u8>)>, JournalError> {
        let select = "SELECT n, request FROM reports WHERE attempt = ?1 ORDER BY n LIMIT 1";
        let row = self.0.lock().query_row(select, [id.to_string()], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    }

    /// The server has taken it.
    pub(crate) fn report_sent(&self, n: i64) -> Result<(), JournalError> {
        self.0.lock().execute("DELETE FROM reports WHERE n = ?1", [n])?;
        Ok(())
    }
}
