use cyxwiz_model::AttemptId;
use rusqlite::{OptionalExtension as _, params};

use super::{Journal, JournalError};

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Accepted: fetches what it needs. Nothing ran.
    Preparing,
    /// Its task was submitted, or is about to be.
    Running,
    /// The script is gone; outputs are on their way.
    Publishing,
}

/// An attempt that the journal knows.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) id: AttemptId,
    /// The assignment as it came.
    pub(crate) assignment: Vec<u8>,
    pub(crate) step: Step,
    /// The task, once there is one.
    pub(crate) task: String,
    /// How the script ended, once it has.
    pub(crate) ending: Option<Vec<u8>>,
}

impl Step {
    const fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Running => "running",
            Self::Publishing => "publishing",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "running" => Self::Running,
            "publishing" => Self::Publishing,
            _ => Self::Preparing,
        }
    }
}

impl Journal {
    /// Notes an assignment before it is answered; one that is known stays as it is.
    pub(crate) fn accept(&self, id: AttemptId, epoch: u32, assignment: &[u8]) -> Result<(), JournalError> {
        let insert = "INSERT OR IGNORE INTO attempts (id, epoch, assignment, step) VALUES (?1, ?2, ?3, ?4)";
        let word = Step::Preparing.word();
        self.0.lock().execute(insert, params![id.to_string(), epoch, assignment, word])?;
        Ok(())
    }

    /// Notes that the task is about to be submitted, and its id once that is known.
    pub(crate) fn running(&self, id: AttemptId, task: &str) -> Result<(), JournalError> {
        let update = "UPDATE attempts SET step = ?2, task = ?3 WHERE id = ?1";
        self.0.lock().execute(update, params![id.to_string(), Step::Running.word(), task])?;
        Ok(())
    }

    /// Notes how the script ended.
    pub(crate) fn ended(&self, id: AttemptId, ending: &[u8]) -> Result<(), JournalError> {
        let update = "UPDATE attempts SET step = ?2, ending = ?3 WHERE id = ?1";
        self.0.lock().execute(update, params![id.to_string(), Step::Publishing.word(), ending])?;
        Ok(())
    }

    /// Counts a checkpoint; the first is 1.
    pub(crate) fn next_checkpoint(&self, id: AttemptId) -> Result<u32, JournalError> {
        let update = "UPDATE attempts SET checkpoints = checkpoints + 1 WHERE id = ?1 RETURNING checkpoints";
        let number = self.0.lock().query_row(update, [id.to_string()], |row| row.get(0)).optional()?;
        Ok(number.unwrap_or(1))
    }

    /// Forgets an attempt that is over, with everything of it.
    pub(crate) fn forget(&self, id: AttemptId) -> Result<(), JournalError> {
        self.0.lock().execute("DELETE FROM attempts WHERE id = ?1", [id.to_string()])?;
        Ok(())
    }

    /// All attempts that are not over, oldest first.
    pub(crate) fn unfinished(&self) -> Result<Vec<Kept>, JournalError> {
        let connection = self.0.lock();
        let select = "SELECT id, assignment, step, task, ending FROM attempts ORDER BY id";
        let mut statement = connection.prepare(select)?;
        let rows = statement.query_map([], |row| {
            let (id, step): (String, String) = (row.get(0)?, row.get(2)?);
            let kept = id.parse().ok().map(|id| (id, Step::of(&step)));
            Ok((kept, row.get(1)?, row.get(3)?, row.get(4)?))
        })?;
        let mut found = Vec::new();
        for row in rows {
            let (kept, assignment, task, ending) = row?;
            found.extend(kept.map(|(id, step)| Kept { id, assignment, step, task, ending }));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_remembered_until_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let id = AttemptId::generate();
        {
            let journal = Journal::open(&path).unwrap();
            journal.accept(id, 3, b"one").unwrap();
            journal.accept(id, 3, b"two").unwrap();
            journal.running(id, "tsk_1").unwrap();
            assert_eq!(journal.next_checkpoint(id).unwrap(), 1);
            assert_eq!(journal.next_checkpoint(id).unwrap(), 2);
            journal.ended(id, b"how").unwrap();
        }
        let journal = Journal::open(&path).unwrap();
        let kept = journal.unfinished().unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].id, kept[0].step, kept[0].task.as_str()), (id, Step::Publishing, "tsk_1"));
        assert_eq!(
            (kept[0].assignment.as_slice(), kept[0].ending.as_deref()),
            (b"one".as_slice(), Some(b"how".as_slice()))
        );
        journal.forget(id).unwrap();
        assert!(journal.unfinished().unwrap().is_empty());
    }

    #[test]
    fn it_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        Journal::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
}
