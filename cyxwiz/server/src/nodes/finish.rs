use cyxwiz_model::{Event, JobState, Moment, Outputs, Reason, Span, Verdict, charge, latest_start, verdict};
use sqlx::PgConnection;

use super::attempt::{Attempt, release};
use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::moves::{ring_node, tell};
use crate::jobs::{Ended, Job, Said, apply};
use crate::market::Market;
use crate::payments::write_refund;

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct End {
    /// Why.
    pub reason: Reason,
    /// The script's exit code.
    pub exit_code: Option<i32>,
    /// For people.
    pub message: String,
    /// Its node said so itself, so that it need not be told.
    pub by_node: bool,
}

impl End {
    /// The server found it.
    #[must_use]
    pub fn by_server(reason: Reason, message: &str) -> Self {
        Self { reason, exit_code: None, message: message.to_owned(), by_node: false }
    }
}

/// Ends the present attempt of a job whose row is locked: frees its place, decides who pays, moves the job.
///
/// # Errors
/// A job that no node works on; the database failed.
pub async fn finish(
    market: &Market,
    conn: &mut PgConnection,
    job: &mut Job,
    attempt: &Attempt,
    end: End,
    now: Moment,
) -> Result<(), ServerError> {
    let deadline = Moment(job.terms.expire_at.saturating_mul(1000));
    let may_retry = job.may_retry() && now <= latest_start(deadline, job.timeout);
    let verdict = verdict(end.reason, attempt.started(), may_retry);
    release(conn, attempt.id, now, end.reason, end.exit_code, &end.message).await?;
    let counted = metered(conn, attempt).await?;
    match verdict {
        Verdict::Settle => settle(market, conn, job, &end, counted, now).await?,
        Verdict::Refund(outputs) => {
            if outputs == Outputs::Withheld {
                count_against_cap(conn, job, attempt, counted, now).await?;
            }
            refund(conn, job, attempt, &end, outputs, now).await?;
        }
        Verdict::Retry => retry(conn, job, &end, now).await?,
    }
    if !end.by_node {
        ring_node(conn, attempt.node).await?;
    }
    Ok(())
}

/// What stands on the meter, whatever was read before.
async fn metered(conn: &mut PgConnection, attempt: &Attempt) -> Result<Span, ServerError> {
    let counted: Option<i64> = sqlx::query_scalar("SELECT counted_ms FROM meters WHERE attempt_id = $1")
        .bind(attempt.id.uuid())
        .fetch_optional(conn)
        .await?;
    crate::db::span("a meter", counted.unwrap_or(0))
}

/// To the window for disputes; after that the watchdog settles.
async fn settle(
    market: &Market,
    conn: &mut PgConnection,
    job: &mut Job,
    end: &End,
    counted: Span,
    now: Moment,
) -> Result<(), ServerError> {
    let until = now.plus(market.ground.config.market.dispute_window);
    let charged = charge(job.rate, counted).min(job.terms.deposit);
    sqlx::query("UPDATE jobs SET dispute_until = $2, metered_ms = $3, charged = $4 WHERE id = $1")
        .bind(job.id.uuid())
        .bind(until.0)
        .bind(crate::db::signed("a meter", counted.0)?)
        .bind(crate::db::signed("a charge", charged.0)?)
        .execute(&mut *conn)
        .await?;
    job.dispute_until = Some(until);
    job.books.metered = Some(counted);
    job.books.charged = Some(charged);
    to_publishing(conn, job, now).await?;
    let percent = market.ground.config.market.recheck_percent;
    crate::verify::choose(conn, job, &job.parsed_spec()?, end.reason, percent).await?;
    let ended = ended(end, true);
    let said = Said { message: &ended.message, ended: Some(&ended) };
    apply(conn, job, Event::Published, now, said).await
}

async fn refund(
    conn: &mut PgConnection,
    job: &mut Job,
    attempt: &Attempt,
    end: &End,
    outputs: Outputs,
    now: Moment,
) -> Result<(), ServerError> {
    let delivered = outputs == Outputs::Free && attempt.started();
    let ended = ended(end, delivered);
    if !end.by_node {
        forget(conn, job).await?;
    }
    apply(conn, job, Event::Refund, now, Said { message: &ended.message, ended: Some(&ended) }).await?;
    write_refund(conn, job, now).await
}

async fn retry(conn: &mut PgConnection, job: &mut Job, end: &End, now: Moment) -> Result<(), ServerError> {
    forget(conn, job).await?;
    let words = format!("{}; it waits for another node", end.message);
    apply(conn, job, Event::Retry, now, Said::words(&words)).await
}

/// From here on no attempt may report: whoever still works on one is fenced.
async fn forget(conn: &mut PgConnection, job: &mut Job) -> Result<(), ServerError> {
    job.attempt = None;
    sqlx::query("UPDATE jobs SET attempt_id = NULL WHERE id = $1").bind(job.id.uuid()).execute(conn).await?;
    Ok(())
}

/// A run that the server ends goes the same way as one that its node ended.
async fn to_publishing(conn: &mut PgConnection, job: &mut Job, now: Moment) -> Result<(), ServerError> {
    if job.state == JobState::Running {
        apply(conn, job, Event::Exited, now, Said::words("the script is gone")).await?;
    }
    Ok(())
}

fn ended(end: &End, delivered: bool) -> Ended {
    Ended { reason: end.reason, exit_code: end.exit_code, message: end.message.clone(), delivered }
}

async fn count_against_cap(
    conn: &mut PgConnection,
    job: &Job,
    attempt: &Attempt,
    counted: Span,
    now: Moment,
) -> Result<(), ServerError> {
    sqlx::query(
        "INSERT INTO refunded_compute (attempt_id, account_id, at, ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(attempt.id.uuid())
    .bind(job.account.uuid())
    .bind(now.0)
    .bind(crate::db::signed("a meter", counted.0)?)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes back what a run was found to be: it was published, and proved wrong before it was settled.
///
/// # Errors
/// A job that is not being verified; the database failed.
pub async fn overturn(
    conn: &mut PgConnection,
    job: &mut Job,
    attempt: &Attempt,
    end: End,
    now: Moment,
) -> Result<(), ServerError> {
    let deadline = Moment(job.terms.expire_at.saturating_mul(1000));
    let may_retry = job.may_retry() && now <= latest_start(deadline, job.timeout);
    sqlx::query(
        "UPDATE attempts SET ending_reason = $2, ending_class = $3, ending_message = $4 WHERE id = $1",
    )
    .bind(attempt.id.uuid())
    .bind(end.reason.word())
    .bind(end.reason.class().map(|class| class.to_string()))
    .bind(&end.message)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "UPDATE jobs SET dispute_until = NULL, metered_ms = NULL, charged = NULL, ending_reason = NULL,
            ending_class = NULL, ending_exit = NULL, ending_message = NULL, delivered = false WHERE id = $1",
    )
    .bind(job.id.uuid())
    .execute(&mut *conn)
    .await?;
    job.ending = None;
    tracing::warn!(job.id = %job.id, node.id = %attempt.node, why = end.message, "a node's result was proved wrong");
    match verdict(end.reason, true, may_retry) {
        Verdict::Retry => retry(conn, job, &end, now).await,
        Verdict::Refund(outputs) => refund(conn, job, attempt, &end, outputs, now).await,
        Verdict::Settle => Err(ServerError::Said("a wrong result cannot be settled".to_owned())),
    }
}

/// Ends an attempt whose script has not started.
///
/// # Errors
/// As [`finish`].
pub async fn finish_early(
    market: &Market,
    conn: &mut PgConnection,
    job: &mut Job,
    ended: Ended,
    now: Moment,
) -> Result<(), ServerError> {
    let current = match job.attempt {
        Some(id) => super::attempt(&mut *conn, id).await?,
        None => None,
    };
    let current = current.ok_or_else(|| ServerError::stored("a job", "a node works on no attempt of it"))?;
    let end = End { reason: ended.reason, exit_code: None, message: ended.message, by_node: false };
    finish(market, conn, job, &current, end, now).await
}

/// Tells a run to stop, once: the first reason stays.
///
/// # Errors
/// The database failed.
pub async fn order_stop(
    conn: &mut PgConnection,
    job: &Job,
    attempt: &Attempt,
    reason: Reason,
    now: Moment,
) -> Result<(), ServerError> {
    let done = sqlx::query(
        "UPDATE attempts SET stop_reason = $2, stop_at = $3 WHERE id = $1 AND stop_reason IS NULL
            AND released_at IS NULL",
    )
    .bind(attempt.id.uuid())
    .bind(reason.word())
    .bind(now.0)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() > 0 {
        let words = format!("the run is being stopped: {reason}");
        tell(conn, job, now, Said::words(&words)).await?;
        ring_node(conn, attempt.node).await?;
    }
    Ok(())
}
