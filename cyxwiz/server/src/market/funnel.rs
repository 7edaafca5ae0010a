use cyxwiz_model::Moment;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::ServerError;

/// Steps on the way from a sign-up to a paid job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Funnel {
    /// A buyer's first estimate.
    Estimated,
    /// A buyer's first draft.
    Created,
    /// A buyer's first job in the queue.
    Queued,
    /// A buyer's first run.
    Started,
    /// A buyer's first settled job.
    Completed,
    /// A node's first enrolment.
    Enrolled,
    /// A node's first passed benchmark.
    Confirmed,
    /// A node's first run.
    Ran,
    /// A node's first payment.
    Paid,
}

impl Funnel {
    const fn word(self) -> &'static str {
        match self {
            Self::Estimated => "estimated",
            Self::Created => "created",
            Self::Queued => "queued",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Enrolled => "enrolled",
            Self::Confirmed => "confirmed",
            Self::Ran => "ran",
            Self::Paid => "paid",
        }
    }
}

/// Notes a step, the first time that somebody takes it.
///
/// # Errors
/// The database failed.
pub async fn note(db: impl PgExecutor<'_>, who: Uuid, step: Funnel, now: Moment) -> Result<(), ServerError> {
    sqlx::query("INSERT INTO funnel (who, step, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(who)
        .bind(step.word())
        .bind(now.0)
        .execute(db)
        .await?;
    Ok(())
}
