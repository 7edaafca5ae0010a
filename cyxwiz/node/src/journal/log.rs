use cyxwiz_model::AttemptId;
use rusqlite::{OptionalExtension as _, params};

use super::{Journal, JournalError};

/// Entries that are to be pushed, without a gap.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) first_seq: u64,
    pub(crate) entries: Vec<Vec<u8>>,
}

impl Journal {
    /// Numbers entries and keeps them. Returns how many bytes the attempt's log has had in all.
    pub(crate) fn append_log(&self, id: AttemptId, entries: &[Vec<u8>]) -> Result<u64, JournalError> {
        let name = id.to_string();
        let mut connection = self.0.lock();
        let transaction = connection.transaction()?;
        let select = "SELECT log_seq, log_bytes FROM attempts WHERE id = ?1";
        let state: Option<(i64, i64)> =
            transaction.query_row(select, [&name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((mut seq, mut bytes)) = state else { return Ok(0) };
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO log (attempt, seq, entry) VALUES (?1, ?2, ?3)")?;
            for entry in entries {
                seq += 1;
                bytes = bytes.saturating_add(i64::try_from(entry.len()).unwrap_or(i64::MAX));
                insert.execute(params![name, seq, entry])?;
            }
        }
        let update = "UPDATE attempts SET log_seq = ?2, log_bytes = ?3 WHERE id = ?1";
        transaction.execute(update, params![name, seq, bytes])?;
        transaction.commit()?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// How many bytes the attempt's log has had in all, and whether it is full.
    pub(crate) fn log_state(&self, id: AttemptId) -> Result<(u64, bool), JournalError> {
        let select = "SELECT log_bytes, log_full FROM attempts WHERE id = ?1";
        let state = self.0.lock().query_row(select, [id.to_string()], |row| Ok((row.get(0)?, row.get(1)?)));
        let (bytes, full): (i64, bool) = state.optional()?.unwrap_or((0, true));
        Ok((u64::try_from(bytes).unwrap_or(0), full))
    }

    /// Reads the oldest entries that the server does not have: one, then as many as `most` bytes hold.
    pub(crate) fn backlog(&self, id: AttemptId, most: usize) -> Result<Backlog, JournalError> {
        let connection = self.0.lock();
        let select = "SELECT seq, entry FROM log WHERE attempt = ?1 ORDER BY seq LIMIT 4096";
        let mut statement = connection.prepare_cached(select)?;
        let mut rows = statement.query([id.to_string()])?;
        let (mut backlog, mut bytes) = (Backlog::default(), 0);
        while let Some(row) = rows.next()? {
            let entry: Vec<u8> = row.get(1)?;
            bytes += entry.len();
            if bytes > most && !backlog.entries.is_empty() {
                break;
            }
            if backlog.entries.is_empty() {
                backlog.first_seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
            }
            backlog.entries.push(entry);
        }
        Ok(backlog)
    }

    /// Drops what the server has.
    pub(crate) fn stored(&self, id: AttemptId, seq: u64) -> Result<(), JournalError> {
        let delete = "DELETE FROM log WHERE attempt = ?1 AND seq <= ?2";
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        self.0.lock().execute(delete, params![id.to_string(), seq])?;
        Ok(())
    }

    /// The server takes no more: what is left is dropped, and so is what comes.
    pub(crate) fn log_full(&self, id: AttemptId) -> Result<(), JournalError> {
        let connection = self.0.lock();
        connection.execute("UPDATE attempts SET log_full = 1 WHERE id = ?1", [id.to_string()])?;
        connection.execute("DELETE FROM log WHERE attempt = ?1", [id.to_string()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gap_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let id = AttemptId::generate();
        let first = Journal::open(&path).unwrap();
        first.accept(id, 1, b"").unwrap();
        assert_eq!(first.append_log(id, &[vec![1], vec![2; 10]]).unwrap(), 11);
        first.stored(id, 1).unwrap();
        drop(first);
        let journal = Journal::open(&path).unwrap();
        journal.append_log(id, &[vec![3]]).unwrap();
        assert_eq!(journal.backlog(id, 10).unwrap(), Backlog { first_seq: 2, entries: vec![vec![2; 10]] });
        assert_eq!(journal.backlog(id, 11).unwrap().entries.len(), 2);
        assert_eq!(journal.backlog(id, 1).unwrap().entries.len(), 1);
        journal.stored(id, 3).unwrap();
        assert_eq!(journal.backlog(id, 100).unwrap(), Backlog::default());
        assert_eq!(journal.log_state(id).unwrap(), (12, false));
        journal.append_log(id, &[vec![4]]).unwrap();
        journal.log_full(id).unwrap();
        assert_eq!(journal.backlog(id, 100).unwrap(), Backlog::default());
        assert!(journal.log_state(id).unwrap().1);
    }
}
