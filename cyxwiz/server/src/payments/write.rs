//! Rows are written by the transaction that moves their job.

use cyxwiz_model::{Amount, Moment};
use sqlx::PgConnection;

use super::rows::{Kind, db_now};
use crate::ServerError;
use crate::db::{DbId as _, notify, signed};
use crate::jobs::Job;
use crate::market::OUTBOX;

/// Lets the chain give everything back.
///
/// # Errors
/// The database failed.
pub async fn write_refund(conn: &mut PgConnection, job: &Job, now: Moment) -> Result<(), ServerError> {
    // what nobody has bytes of, and nobody works on, need not happen any more
    sqlx::query(concat!(
        "UPDATE outbox SET state = 'moot', done_at = $2 WHERE id IN (SELECT id FROM outbox WHERE job_id = $1
            AND state = 'waiting' AND kind IN ('assign', 'top_up') AND lease_until < ",
        db_now!(),
        " FOR UPDATE SKIP LOCKED)",
    ))
    .bind(job.id.uuid())
    .bind(now.0)
    .execute(&mut *conn)
    .await?;
    write(conn, job, Kind::Refund, Amount::ZERO, Amount::ZERO, now).await
}

/// Lets the chain pay what the meter says.
///
/// # Errors
/// The database failed.
pub async fn write_settle(
    conn: &mut PgConnection,
    job: &Job,
    charged: Amount,
    now: Moment,
) -> Result<(), ServerError> {
    write(conn, job, Kind::Settle, charged, Amount::ZERO, now).await
}

/// Lets the chain set more aside.
///
/// # Errors
/// The database failed.
pub async fn write_top_up(
    conn: &mut PgConnection,
    job: &Job,
    more: Amount,
    now: Moment,
) -> Result<(), ServerError> {
    let then = Amount(job.terms.deposit.0.saturating_add(more.0));
    write(conn, job, Kind::TopUp, more, then, now).await
}

async fn write(
    conn: &mut PgConnection,
    job: &Job,
    kind: Kind,
    amount: Amount,
    then: Amount,
    now: Moment,
) -> Result<(), ServerError> {
    sqlx::query(
        "INSERT INTO outbox (job_id, kind, epoch, amount, deposit_then, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(job.id.uuid())
    .bind(kind.word())
    .bind(i32::try_from(job.epoch.0).unwrap_or(i32::MAX))
    .bind(signed("an amount", amount.0)?)
    .bind(signed("an amount", then.0)?)
    .bind(now.0)
    .execute(&mut *conn)
    .await?;
    notify(conn, OUTBOX, "").await
}
