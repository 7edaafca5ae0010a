use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use cyxwiz_proto::v1::Reason;
use http_body_util::BodyExt as _;
use object_store::{ObjectStoreExt as _, path::Path};
use sha2::{Digest as _, Sha256};

use super::Files;
use super::fault::Fault;
use super::row::{Upload, bytes, forget_parts};
use crate::ServerError;
use crate::db::DbId as _;

/// Bytes of a part: what a cut loses at most, and what an upload holds in memory.
const PART: usize = 8 << 20;
/// How long a sender may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// A part that is stored, and not yet the file's.
struct Part {
    start: u64,
    size: u64,
    object: String,
}

impl Files {
    /// Takes bytes from `offset` on. Returns the new offset.
    pub(super) async fn append(
        &self,
        upload: &Upload,
        offset: u64,
        checksum: Option<[u8; 32]>,
        mut body: Body,
    ) -> Result<u64, Fault> {
        let size = upload.file.size;
        if offset != upload.received {
            return Err(conflict(upload.received));
        }
        if upload.whole {
            return Ok(size);
        }
        let (mut at, mut buffer) = (offset, BytesMut::new());
        let mut whole = (offset == 0).then(Sha256::new);
        let mut chunk = checksum.map(|_| Sha256::new());
        // parts wait for the chunk's checksum, where there is one
        let mut waiting = Vec::new();
        let mut cut = None;
        loop {
            match tokio::time::timeout(SILENCE, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let after = at.saturating_add(buffer.len() as u64).saturating_add(data.len() as u64);
                    if after > size {
                        let message = format!("more bytes than the {size} of the file");
                        return Err(Fault::with(413, Reason::REASON_BAD_REQUEST, message));
                    }
                    whole.iter_mut().chain(&mut chunk).for_each(|hash| hash.update(&data));
                    buffer.extend_from_slice(&data);
                }
                Ok(None) => break,
                Ok(Some(Err(error))) => cut = Some(error.to_string()),
                Err(_) => cut = Some("nothing came for 30 s".to_owned()),
            }
            if cut.is_some() {
                break;
            }
            while buffer.len() >= PART {
                let part = self.store(upload, at, buffer.split_to(PART).freeze()).await?;
                at = part.start.saturating_add(part.size);
                self.keep(upload, part, checksum.is_some(), &mut waiting).await?;
            }
        }
        // what arrived before a cut counts, unless it could not be checked
        if !buffer.is_empty() && (cut.is_none() || checksum.is_none()) {
            let part = self.store(upload, at, buffer.freeze()).await?;
            at = part.start.saturating_add(part.size);
            self.keep(upload, part, checksum.is_some(), &mut waiting).await?;
        }
        if let Some(cut) = cut {
            let message = format!("the upload was cut: {cut}");
            return Err(
                Fault::with(400, Reason::REASON_BAD_REQUEST, message).mend("ask for the offset and go on")
            );
        }
        if let (Some(expected), Some(chunk)) = (checksum, chunk) {
            if <[u8; 32]>::from(chunk.finalize()) != expected {
                let message = "the chunk does not have the digest of Upload-Checksum";
                return Err(
                    Fault::with(460, Reason::REASON_BAD_REQUEST, message).mend("send the chunk again")
                );
            }
            self.commit(upload, &waiting).await?;
        }
        if at == size {
            self.finish(upload, whole.map(|hash| hash.finalize().into())).await?;
        }
        Ok(at)
    }

    /// Stores a part as an object that no row names yet.
    async fn store(&self, upload: &Upload, start: u64, data: Bytes) -> Result<Part, Fault> {
        let (job, file) = (upload.file.job, upload.file.id);
        let object = format!("jobs/{job}/{file}/{}", uuid::Uuid::now_v7().simple());
        sqlx::query("INSERT INTO orphans (object, since) VALUES ($1, $2)")
            .bind(&object)
            .bind(self.now().0)
            .execute(self.0.db.pool())
            .await?;
        let size = data.len() as u64;
        self.0.store.put(&Path::from(object.as_str()), data.into()).await?;
        Ok(Part { start, size, object })
    }

    /// Makes a part the file's at once, or lets it wait.
    async fn keep(
        &self,
        upload: &Upload,
        part: Part,
        wait: bool,
        waiting: &mut Vec<Part>,
    ) -> Result<(), Fault> {
        if wait {
            waiting.push(part);
            return Ok(());
        }
        self.commit(upload, &[part]).await
    }

    /// Makes parts the file's, if it is still where they begin: of two senders one wins.
    async fn commit(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fault> {
        let (Some(first), id) = (parts.first(), upload.file.id.uuid()) else { return Ok(()) };
        let sum = parts.iter().map(|part| part.size).sum();
        let mut db = self.0.db.pool().begin().await?;
        let moved = sqlx::query(
            "UPDATE files SET received = received + $4, touched_at = $5
             WHERE id = $1 AND try = $2 AND received = $3 AND state = 'open'",
        )
        .bind(id)
        .bind(upload.attempt_at)
        .bind(bytes(first.start)?)
        .bind(bytes(sum)?)
        .bind(self.now().0)
        .execute(&mut *db)
        .await?;
        if moved.rows_affected() == 0 {
            db.rollback().await?;
            let there = self.upload(upload.file.id).await?;
            return Err(conflict(there.map_or(0, |there| there.received)));
        }
        for part in parts {
            sqlx::query(
                "WITH named AS (DELETE FROM orphans WHERE object = $4)
                 INSERT INTO file_parts (file_id, start, size, object) VALUES ($1, $2, $3, $4)",
            )
            .bind(id)
            .bind(bytes(part.start)?)
            .bind(bytes(part.size)?)
            .bind(&part.object)
            .execute(&mut *db)
            .await?;
        }
        db.commit().await?;
        Ok(())
    }

    /// Compares the whole file's digest: it is whole, or starts again.
    pub(super) async fn finish(&self, upload: &Upload, hashed: Option<[u8; 32]>) -> Result<(), Fault> {
        let digest = match hashed {
            Some(digest) => digest,
            None => self.digest(&upload.file).await?,
        };
        let id = upload.file.id.uuid();
        if digest == upload.file.sha256 {
            sqlx::query("UPDATE files SET state = 'whole', touched_at = $3 WHERE id = $1 AND try = $2")
                .bind(id)
                .bind(upload.attempt_at)
                .bind(self.now().0)
                .execute(self.0.db.pool())
                .await?;
            return Ok(());
        }
        self.restart(upload).await?;
        let message = format!("`{}` does not have the digest that was declared", upload.file.path);
        Err(Fault::with(460, Reason::REASON_BAD_REQUEST, message)
            .mend("the upload starts again at 0; if the file changed, declare it anew")
            .header("upload-offset", 0))
    }

    async fn restart(&self, upload: &Upload) -> Result<(), ServerError> {
        let id = upload.file.id.uuid();
        let mut db = self.0.db.pool().begin().await?;
        let again = sqlx::query(
            "UPDATE files SET received = 0, try = try + 1 WHERE id = $1 AND try = $2 AND state = 'open'",
        )
        .bind(id)
        .bind(upload.attempt_at)
        .execute(&mut *db)
        .await?;
        if again.rows_affected() > 0 {
            forget_parts(&mut *db, &[id]).await?;
        }
        Ok(db.commit().await?)
    }
}

fn conflict(received: u64) -> Fault {
    let message = format!("the upload is at {received}");
    Fault::with(409, Reason::REASON_WRONG_STATE, message)
        .mend("send from there on")
        .header("upload-offset", received)
}
