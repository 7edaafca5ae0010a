//! A job's events: numbered without gaps, in the order in which they are committed.

use buffa::Message as _;
use cyxwiz_model::{JobId, Moment};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::watch_job_response::Event as Wire;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::ServerError;
use crate::db::{DbId as _, notify, unsigned};
use crate::market::{JOBS, timestamp};

/// Events that are read at once.
pub const PAGE: i64 = 256;

/// An event without its number, which the table knows.
#[must_use]
pub fn encoded(at: Moment, event: Wire) -> Vec<u8> {
    v1::WatchJobResponse { at: timestamp(at).into(), event: Some(event), ..Default::default() }
        .encode_to_vec()
}

/// Appends events; whoever watches is woken when the transaction commits.
///
/// # Errors
/// The database failed.
pub async fn append(conn: &mut PgConnection, job: JobId, events: &[Vec<u8>]) -> Result<(), ServerError> {
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    sqlx::query(
        "WITH next AS (UPDATE job_seq SET seq = seq + $2 WHERE job_id = $1 RETURNING seq - $2 AS base)
         INSERT INTO job_events (job_id, seq, event)
         SELECT $1, next.base + listed.place, listed.event
         FROM next, unnest($3::bytea[]) WITH ORDINALITY AS listed (event, place)",
    )
    .bind(job.uuid())
    .bind(count)
    .bind(events)
    .execute(&mut *conn)
    .await?;
    notify(conn, JOBS, &job.uuid().to_string()).await
}

/// Appends one event to each of several jobs, each named once.
///
/// # Errors
/// The database failed.
pub async fn append_each(conn: &mut PgConnection, events: Vec<(JobId, Vec<u8>)>) -> Result<(), ServerError> {
    let (jobs, events): (Vec<Uuid>, Vec<Vec<u8>>) =
        events.into_iter().map(|(job, event)| (job.uuid(), event)).unzip();
    sqlx::query(
        "WITH next AS (UPDATE job_seq s SET seq = seq + 1 FROM unnest($1::uuid[]) AS x (job)
            WHERE s.job_id = x.job RETURNING s.job_id, s.seq)
         INSERT INTO job_events (job_id, seq, event)
         SELECT next.job_id, next.seq, x.event FROM next JOIN unnest($1::uuid[], $2::bytea[]) AS x (job, event)
            ON x.job = next.job_id",
    )
    .bind(&jobs)
    .bind(events)
    .execute(&mut *conn)
    .await?;
    sqlx::query("SELECT pg_notify($1, x::text) FROM unnest($2::uuid[]) AS x")
        .bind(JOBS)
        .bind(&jobs)
        .execute(conn)
        .await?;
    Ok(())
}

/// Reads what comes after a number, oldest first; at most a page.
///
/// # Errors
/// The database failed.
pub async fn after(
    db: impl PgExecutor<'_>,
    job: JobId,
    seq: u64,
) -> Result<Vec<v1::WatchJobResponse>, ServerError> {
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT seq, event FROM job_events WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(job.uuid())
    .bind(i64::try_from(seq).unwrap_or(i64::MAX))
    .bind(PAGE)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(seq, bytes)| read(seq, &bytes)).collect()
}

fn read(seq: i64, bytes: &[u8]) -> Result<v1::WatchJobResponse, ServerError> {
    let mut event = v1::WatchJobResponse::decode_from_slice(bytes)
        .map_err(|error| ServerError::stored("an event of a job", error))?;
    event.seq = unsigned("an event's number", seq)?;
    Ok(event)
}
