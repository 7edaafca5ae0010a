use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use cyxwiz_model::{AttemptId, FileId, FilePath, JobId};
use sqlx::postgres::PgRow;
use sqlx::{PgExecutor, Row as _};
use uuid::Uuid;

use super::Files;
use crate::db::{DbId as _, unsigned};
use crate::{ServerError, db};

/// What a file is to its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The buyer's.
    Input,
    /// A result of an attempt.
    Output,
    /// Part of a checkpoint of an attempt.
    Checkpoint,
}

impl FileKind {
    /// As the database and the wire have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Checkpoint => "checkpoint",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FileKind {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Input, Self::Output, Self::Checkpoint];
        all.into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| ServerError::stored("a kind of file", text))
    }
}

/// A file that the server has, or is being sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its id.
    pub id: FileId,
    /// Whose it is.
    pub job: JobId,
    /// Which attempt made it; none for inputs.
    pub attempt: Option<AttemptId>,
    /// What it is.
    pub kind: FileKind,
    /// The checkpoint's number; 0 else.
    pub number: u32,
    /// Where it goes in the job's folder.
    pub path: FilePath,
    /// Bytes.
    pub size: u64,
    /// Digest of the whole.
    pub sha256: [u8; 32],
}

/// A file and how far its upload is.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) file: StoredFile,
    pub(super) whole: bool,
    pub(super) received: u64,
    /// Rises when an upload starts again.
    pub(super) attempt_at: i32,
    pub(super) touched_at: i64,
}

pub(super) const COLUMNS: &str =
    "id, job_id, attempt_id, kind, number, path, size, sha256, state, received, try, touched_at";

impl Upload {
    pub(super) fn of(row: &PgRow) -> Result<Self, ServerError> {
        let sha256: Vec<u8> = row.try_get("sha256")?;
        let path: &str = row.try_get("path")?;
        let number: i32 = row.try_get("number")?;
        let file = StoredFile {
            id: FileId::from_uuid(row.try_get("id")?),
            job: JobId::from_uuid(row.try_get("job_id")?),
            attempt: row.try_get::<Option<Uuid>, _>("attempt_id")?.map(AttemptId::from_uuid),
            kind: row.try_get::<&str, _>("kind")?.parse()?,
            number: u32::try_from(number)
                .map_err(|_| ServerError::stored("a checkpoint's number", number))?,
            path: path.parse().map_err(|error| ServerError::stored("a path", error))?,
            size: unsigned("a size", row.try_get("size")?)?,
            sha256: sha256.try_into().map_err(|_| ServerError::stored("a digest", "not 32 bytes"))?,
        };
        let received = unsigned("an offset", row.try_get("received")?)?;
        let whole = row.try_get::<&str, _>("state")? == "whole";
        let (attempt_at, touched_at) = (row.try_get("try")?, row.try_get("touched_at")?);
        Ok(Self { file, whole, received, attempt_at, touched_at })
    }
}

impl Files {
    /// One upload or file.
    pub(super) async fn upload(&self, id: FileId) -> Result<Option<Upload>, ServerError> {
        let query = format!("SELECT {COLUMNS} FROM files WHERE id = $1");
        let row =
            sqlx::query(sqlx::AssertSqlSafe(query)).bind(id.uuid()).fetch_optional(self.0.db.pool()).await?;
        row.as_ref().map(Upload::of).transpose()
    }

    /// Whole files of a job, of every attempt, by path.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of_job(&self, job: JobId, kind: FileKind) -> Result<Vec<StoredFile>, ServerError> {
        let query = format!(
            "SELECT {COLUMNS} FROM files WHERE job_id = $1 AND kind = $2 AND state = 'whole' ORDER BY path, id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(query)).bind(job.uuid()).bind(kind.as_str());
        rows.fetch_all(self.0.db.pool()).await?.iter().map(|row| Ok(Upload::of(row)?.file)).collect()
    }

    /// Whole files of an attempt, by path. `number` is the checkpoint's; 0 for outputs.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of_attempt(
        &self,
        attempt: AttemptId,
        kind: FileKind,
        number: u32,
    ) -> Result<Vec<StoredFile>, ServerError> {
        let query = format!(
            "SELECT {COLUMNS} FROM files WHERE attempt_id = $1 AND kind = $2 AND number = $3 AND state = 'whole'
             ORDER BY path, id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(attempt.uuid())
            .bind(kind.as_str())
            .bind(i64::from(number))
            .fetch_all(self.0.db.pool())
            .await?;
        rows.iter().map(|row| Ok(Upload::of(row)?.file)).collect()
    }

    /// Whole inputs of jobs, by job and path.
    ///
    /// # Errors
    /// The database failed.
    pub async fn inputs_of(&self, jobs: &[JobId]) -> Result<Vec<StoredFile>, ServerError> {
        let query = format!(
            "SELECT {COLUMNS} FROM files WHERE job_id = ANY($1) AND kind = 'input' AND state = 'whole'
             ORDER BY job_id, path, id"
        );
        let jobs: Vec<Uuid> = jobs.iter().map(|job| job.uuid()).collect();
        let rows = sqlx::query(sqlx::AssertSqlSafe(query)).bind(jobs).fetch_all(self.0.db.pool()).await?;
        rows.iter().map(|row| Ok(Upload::of(row)?.file)).collect()
    }

    /// Whole files of the newest checkpoint of each of these jobs that was reported whole, by job and path, by whichever
    /// attempt it was made.
    ///
    /// # Errors
    /// The database failed.
    pub async fn newest_checkpoints_of(&self, jobs: &[JobId]) -> Result<Vec<StoredFile>, ServerError> {
        let query = format!(
            "SELECT {COLUMNS} FROM files WHERE (attempt_id, number) IN (
                SELECT DISTINCT ON (c.job_id) c.attempt_id, c.number FROM checkpoints c WHERE c.job_id = ANY($1)
                ORDER BY c.job_id, c.epoch DESC, c.number DESC)
             AND kind = 'checkpoint' AND state = 'whole' ORDER BY job_id, path, id"
        );
        let jobs: Vec<Uuid> = jobs.iter().map(|job| job.uuid()).collect();
        let rows = sqlx::query(sqlx::AssertSqlSafe(query)).bind(jobs).fetch_all(self.0.db.pool()).await?;
        rows.iter().map(|row| Ok(Upload::of(row)?.file)).collect()
    }

    /// How many inputs and parts of checkpoints there are of each of these jobs; of one without any, nothing.
    ///
    /// # Errors
    /// The database failed.
    pub async fn count_of(&self, jobs: &[JobId]) -> Result<HashMap<JobId, u64>, ServerError> {
        let jobs: Vec<Uuid> = jobs.iter().map(|job| job.uuid()).collect();
        let rows: Vec<(Uuid, i64)> = sqlx::query_as(
            "SELECT job_id, count(*) FROM files WHERE job_id = ANY($1) AND kind <> 'output' GROUP BY job_id",
        )
        .bind(jobs)
        .fetch_all(self.0.db.pool())
        .await?;
        rows.into_iter()
            .map(|(job, count)| Ok((JobId::from_uuid(job), unsigned("a count", count)?)))
            .collect()
    }

    /// Deletes every file of a job. Their bytes go with the next sweep.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_job(&self, job: JobId) -> Result<(), ServerError> {
        self.delete_where("job_id = $1 AND $2 = 0", job.uuid(), 0).await
    }

    /// Deletes an attempt's checkpoints with a lower number than the newest complete one.
    ///
    /// # Errors
    /// The database failed.
    pub async fn delete_checkpoints_before(
        &self,
        attempt: AttemptId,
        number: u32,
    ) -> Result<(), ServerError> {
        self.delete_where(
            "attempt_id = $1 AND kind = 'checkpoint' AND number < $2",
            attempt.uuid(),
            number.into(),
        )
        .await
    }

    async fn delete_where(&self, which: &'static str, id: Uuid, number: i64) -> Result<(), ServerError> {
        let mut db = self.0.db.pool().begin().await?;
        let query = format!("SELECT id FROM files WHERE {which} FOR UPDATE");
        let ids: Vec<Uuid> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(id).bind(number).fetch_all(&mut *db).await?;
        forget_parts(&mut *db, &ids).await?;
        sqlx::query("DELETE FROM files WHERE id = ANY($1)").bind(&ids).execute(&mut *db).await?;
        Ok(db.commit().await?)
    }
}

/// Takes the parts of files away; a sweep deletes their objects.
pub(super) async fn forget_parts(db: impl PgExecutor<'_>, files: &[Uuid]) -> Result<(), ServerError> {
    sqlx::query(
        "WITH gone AS (DELETE FROM file_parts WHERE file_id = ANY($1) RETURNING object)
         INSERT INTO orphans (object, since) SELECT object, 0 FROM gone ON CONFLICT (object) DO NOTHING",
    )
    .bind(files)
    .execute(db)
    .await?;
    Ok(())
}

/// A number of bytes for the database.
pub(super) fn bytes(size: u64) -> Result<i64, ServerError> {
    db::signed("a number of bytes", size)
}
