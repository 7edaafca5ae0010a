use cyxwiz_model::{Moment, Span};
use object_store::{ObjectStoreExt as _, path::Path};
use uuid::Uuid;

use super::Files;
use super::row::forget_parts;
use crate::ServerError;

/// An upload that nobody touched for so long is given up.
pub(super) const ABANDONED: Span = Span::seconds(24 * 3600);
/// An object that no row names after so long is nobody's: no request takes longer to store a part.
const ORPHANED: Span = Span::seconds(3600);
/// Rows of one round.
const ROUND: i64 = 500;

impl Files {
    /// Gives abandoned uploads up and deletes objects that no file names. Returns how many objects went.
    ///
    /// # Errors
    /// The database or the store failed.
    pub async fn sweep(&self) -> Result<u64, ServerError> {
        let now = self.now();
        self.give_up(Moment(now.0.saturating_sub(span(ABANDONED)))).await?;
        let before = now.0.saturating_sub(span(ORPHANED));
        let mut deleted = 0_u64;
        loop {
            let objects: Vec<String> =
                sqlx::query_scalar("SELECT object FROM orphans WHERE since <= $1 LIMIT $2")
                    .bind(before)
                    .bind(ROUND)
                    .fetch_all(self.0.db.pool())
                    .await?;
            if objects.is_empty() {
                return Ok(deleted);
            }
            for object in &objects {
                match self.0.store.delete(&Path::from(object.as_str())).await {
                    // never stored, or deleted by another server
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => deleted = deleted.saturating_add(1),
                    Err(error) => return Err(error.into()),
                }
            }
            sqlx::query("DELETE FROM orphans WHERE object = ANY($1)")
                .bind(&objects)
                .execute(self.0.db.pool())
                .await?;
        }
    }

    async fn give_up(&self, before: Moment) -> Result<(), ServerError> {
        let mut db = self.0.db.pool().begin().await?;
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM files WHERE state = 'open' AND touched_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED",
        )
        .bind(before.0)
        .bind(ROUND)
        .fetch_all(&mut *db)
        .await?;
        forget_parts(&mut *db, &ids).await?;
        sqlx::query("DELETE FROM files WHERE id = ANY($1)").bind(&ids).execute(&mut *db).await?;
        Ok(db.commit().await?)
    }
}

fn span(span: Span) -> i64 {
    i64::try_from(span.0).unwrap_or(i64::MAX)
}
