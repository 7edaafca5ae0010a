use std::ops::Range;

use bytes::Bytes;
use cyxwiz_model::FileId;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStoreExt as _, path::Path};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::row::bytes;
use super::{Files, StoredFile};
use crate::ServerError;
use crate::db::{DbId as _, unsigned};

/// Parts that are fetched ahead: a store on a network answers each after a while. A part has 8 MiB at most.
const AHEAD: usize = 4;

impl Files {
    /// Bytes of a file, part by part.
    pub(super) async fn read(
        &self,
        id: FileId,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, object_store::Error>> + Send + 'static, ServerError> {
        let rows = sqlx::query(
            "SELECT start, size, object FROM file_parts WHERE file_id = $1 AND start < $3 AND start + size > $2
             ORDER BY start",
        )
        .bind(id.uuid())
        .bind(bytes(range.start)?)
        .bind(bytes(range.end)?)
        .fetch_all(self.0.db.pool())
        .await?;
        let mut pieces = Vec::with_capacity(rows.len());
        let mut at = range.start;
        for row in rows {
            let (start, size) = (unsigned("a part", row.try_get(0)?)?, unsigned("a part", row.try_get(1)?)?);
            let (from, to) = (at.max(start), range.end.min(start.saturating_add(size)));
            if from != at {
                return Err(ServerError::stored("parts", format!("{id} has a gap at {at}")));
            }
            pieces.push((row.try_get::<String, _>(2)?, from.saturating_sub(start)..to.saturating_sub(start)));
            at = to;
        }
        if at < range.end {
            return Err(ServerError::stored("parts", format!("{id} ends at {at}")));
        }
        let store = self.0.store.clone();
        let fetched = stream::iter(pieces).map(move |(object, range)| {
            let store = store.clone();
            async move { store.get_range(&Path::from(object), range).await }
        });
        Ok(fetched.buffered(AHEAD))
    }

    /// The digest of what is stored.
    pub(super) async fn digest(&self, file: &StoredFile) -> Result<[u8; 32], ServerError> {
        let hash = self
            .read(file.id, 0..file.size)
            .await?
            .try_fold(Sha256::new(), |mut hash, bytes| async move {
                hash.update(&bytes);
                Ok(hash)
            })
            .await?;
        Ok(hash.finalize().into())
    }

    /// Whether what is stored is still what was sent; reads all of it.
    ///
    /// # Errors
    /// The store failed: nothing is known.
    pub async fn is_intact(&self, file: &StoredFile) -> Result<bool, ServerError> {
        match self.digest(file).await {
            Ok(found) => Ok(found == file.sha256),
            Err(ServerError::Objects(object_store::Error::NotFound { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A small file's content, for the server's own use.
    ///
    /// # Errors
    /// A file above `most` bytes; the store failed.
    pub async fn content(&self, file: &StoredFile, most: u64) -> Result<Bytes, ServerError> {
        if file.size > most {
            return Err(ServerError::Said(format!("`{}` has more than {most} bytes", file.path)));
        }
        let parts: Vec<Bytes> = self.read(file.id, 0..file.size).await?.try_collect().await?;
        Ok(parts.concat().into())
    }
}
