use std::time::Duration;

use cyxwiz_model::Moment;

use super::told::{self, Due};
use crate::jobs::Job;
use crate::market::Market;
use crate::refusal::chain_of;
use crate::{Db, ServerError};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Rows of one look.
const MOST: i64 = 1000;
/// Looks of a server that stops: what is left then is another's.
const LAST_LOOKS: usize = 20;
/// Rows that nobody takes for so long, in milliseconds, are of no use to anybody.
const KEPT: i64 = 86_400_000;

/// Tells of what has ended, whoever ended it, until the server stops.
pub(crate) async fn run(market: Market) {
    if !market.ground.traces.is_on() {
        return;
    }
    let drain = market.ground.drain.clone();
    while !drain.begun() {
        match turn(&market).await {
            Ok(told) if told == MOST => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(error.chain = chain_of(&error), "spans wait in the database"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = drain.started() => {}
        }
    }
}

/// Tells of what this server ended last, and sends it. Nothing is ended any more.
pub(crate) async fn close(market: &Market) {
    if !market.ground.traces.is_on() {
        return;
    }
    for _ in 0..LAST_LOOKS {
        if !matches!(turn(market).await, Ok(MOST)) {
            break;
        }
    }
    market.ground.traces.stop().await;
}

/// Takes rows away, so that no other server has them, and tells of each; says how many there were.
async fn turn(market: &Market) -> Result<i64, ServerError> {
    let due: Vec<Due> = sqlx::query_as(
        "WITH taken AS (DELETE FROM spans_due WHERE id IN
            (SELECT id FROM spans_due ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING *)
         SELECT t.kind, t.state, t.began_at, t.ended_at, t.outbox_id,
            j.id AS job_id, j.trace_id, j.parent_span, j.queued_at, j.attempts_used, j.coin, j.metered_ms, j.charged,
            j.refunded, j.recheck, j.recheck_note, j.ending_reason AS job_reason, j.ending_class AS job_class,
            j.ending_exit AS job_exit, j.ending_message AS job_message,
            a.id AS attempt_id, t.epoch, a.node_id, a.task_id, a.accepted_at, a.ending_reason, a.ending_class,
            a.ending_exit, a.ending_message, m.started_at,
            o.kind AS payment, o.amount, o.signature, o.tries, o.sent_at
         FROM taken t JOIN jobs j ON j.id = t.job_id
            LEFT JOIN attempts a ON a.job_id = t.job_id AND a.epoch = t.epoch
            LEFT JOIN meters m ON m.attempt_id = a.id
            LEFT JOIN outbox o ON o.id = t.outbox_id
         ORDER BY t.id",
    )
    .bind(MOST)
    .fetch_all(market.pool())
    .await?;
    let count = i64::try_from(due.len()).unwrap_or(MOST);
    for row in due {
        if let Some(span) = told::span(row) {
            market.ground.traces.record(span);
        }
    }
    Ok(count)
}

/// Tells of a second run, which this server has made.
pub(crate) fn rerun(market: &Market, job: &Job, began: Moment, found: &'static str, differs: Option<String>) {
    if let Some(span) = told::rerun(job, began, market.now(), found, differs) {
        market.ground.traces.record(span);
    }
}

/// Removes what no server with a collector took.
pub(crate) async fn sweep(db: &Db, now: Moment) -> Result<(), ServerError> {
    sqlx::query("DELETE FROM spans_due WHERE ended_at < $1")
        .bind(now.0.saturating_sub(KEPT))
        .execute(db.pool())
        .await?;
    Ok(())
}
