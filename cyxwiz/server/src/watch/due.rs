use cyxwiz_model::{Event, JobId, JobState, Span, charge};
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::{Said, apply, lock};
use crate::market::Market;
use crate::payments::write_settle;

/// How long a settlement waits for a second run that nobody makes. Well within the escrow's time.
const RECHECK: Span = Span::seconds(15 * 60);

/// Jobs whose window for disputes is over are settled, once no top-up is on its way any more.
pub(super) async fn look(market: &Market) -> Result<(), ServerError> {
    let now = market.now();
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM jobs j WHERE state = 'verifying' AND dispute_until <= $1
            AND (recheck IS DISTINCT FROM 'due' OR dispute_until <= $1 - $3)
            AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.job_id = j.id AND o.kind = 'top_up'
                AND o.state IN ('waiting', 'sent')) LIMIT $2",
    )
    .bind(now.0)
    .bind(super::AT_ONCE)
    .bind(i64::try_from(RECHECK.0).unwrap_or(i64::MAX))
    .fetch_all(market.pool())
    .await?;
    for id in ids {
        let mut tx = market.begin().await?;
        let Some(mut job) = lock(&mut tx, JobId::from_uuid(id)).await? else { continue };
        if job.state != JobState::Verifying || job.dispute_until.is_none_or(|until| now < until) {
            continue;
        }
        // what is set aside may have grown since the run ended
        let metered = job.books.metered.unwrap_or(Span::ZERO);
        let charged = charge(job.rate, metered).min(job.terms.deposit);
        sqlx::query("UPDATE jobs SET charged = $2 WHERE id = $1")
            .bind(job.id.uuid())
            .bind(crate::db::signed("a charge", charged.0)?)
            .execute(&mut *tx)
            .await?;
        apply(&mut tx, &mut job, Event::Settle, now, Said::words("the settlement is on its way")).await?;
        write_settle(&mut tx, &job, charged, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
