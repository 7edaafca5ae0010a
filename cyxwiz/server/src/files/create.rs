use cyxwiz_model::{FileId, FilePath};
use sqlx::Row as _;
use uuid::Uuid;

use super::access::Sender;
use super::fault::Fault;
use super::metadata::Metadata;
use super::row::{COLUMNS, Upload, bytes, forget_parts};
use super::{FileKind, Files, StoredFile};
use crate::ServerError;
use crate::db::DbId as _;

impl Files {
    /// Begins an upload, or finds the one that there is.
    pub(super) async fn create(&self, sender: Sender, said: Metadata, size: u64) -> Result<Upload, Fault> {
        self.may_send(sender, said.job, said.kind).await?;
        let attempt = match sender {
            Sender::Buyer(_) => None,
            Sender::Attempt(attempt) => Some(attempt),
        };
        let Metadata { job, kind, path, sha256, number } = said;
        let file = StoredFile { id: FileId::generate(), job, attempt, kind, number, path, size, sha256 };
        self.may_begin(sender, &file).await?;
        let upload = self.place(file).await?;
        // nothing (more) to come: an empty file, or one whose server died before it looked at the digest
        if !upload.whole && upload.received == upload.file.size {
            self.finish(&upload, None).await?;
            return Ok(Upload { whole: true, ..upload });
        }
        Ok(upload)
    }

    /// The row of an upload: the same one for the same file, a new one for another file at the same path.
    async fn place(&self, file: StoredFile) -> Result<Upload, ServerError> {
        let (now, id) = (self.now().0, file.id.uuid());
        let mut db = self.0.db.pool().begin().await?;
        // whoever begins the same file at the same time waits here
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(place_name(&file))
            .execute(&mut *db)
            .await?;
        let query = format!(
            "SELECT {COLUMNS} FROM files WHERE job_id = $1 AND attempt_id IS NOT DISTINCT FROM $2 AND kind = $3
             AND number = $4 AND path = $5 FOR UPDATE"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(file.job.uuid())
            .bind(file.attempt.map(|attempt| attempt.uuid()))
            .bind(file.kind.as_str())
            .bind(i64::from(file.number))
            .bind(file.path.as_str())
            .fetch_optional(&mut *db)
            .await?;
        if let Some(row) = row {
            let there = Upload::of(&row)?;
            if there.file.size == file.size && there.file.sha256 == file.sha256 {
                db.commit().await?;
                return Ok(there);
            }
            let old: Uuid = row.try_get("id")?;
            forget_parts(&mut *db, &[old]).await?;
            sqlx::query("DELETE FROM files WHERE id = $1").bind(old).execute(&mut *db).await?;
        }
        sqlx::query(
            "INSERT INTO files (id, job_id, attempt_id, kind, number, path, size, sha256, state, created_at, touched_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $9)",
        )
        .bind(id)
        .bind(file.job.uuid())
        .bind(file.attempt.map(|attempt| attempt.uuid()))
        .bind(file.kind.as_str())
        .bind(i64::from(file.number))
        .bind(file.path.as_str())
        .bind(bytes(file.size)?)
        .bind(file.sha256.as_slice())
        .bind(now)
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(Upload { file, whole: false, received: 0, attempt_at: 0, touched_at: now })
    }

    /// Takes an upload, or a whole file, away.
    pub(super) async fn terminate(&self, upload: &Upload) -> Result<(), ServerError> {
        let id = upload.file.id.uuid();
        let mut db = self.0.db.pool().begin().await?;
        forget_parts(&mut *db, &[id]).await?;
        sqlx::query("DELETE FROM files WHERE id = $1").bind(id).execute(&mut *db).await?;
        Ok(db.commit().await?)
    }
}

fn place_name(file: &StoredFile) -> String {
    let StoredFile { job, attempt, kind, number, path, .. } = file;
    let owner = match (kind, attempt) {
        (FileKind::Output | FileKind::Checkpoint, Some(attempt)) => attempt.to_string(),
        _ => job.to_string(),
    };
    let path: &FilePath = path;
    format!("{owner}/{kind}/{number}/{path}")
}
