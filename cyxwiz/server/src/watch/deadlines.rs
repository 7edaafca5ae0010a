use cyxwiz_model::{Event, JobId, JobState, Moment, Reason, latest_start};
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::{Ended, Said, apply, lock};
use crate::market::Market;
use crate::payments::write_refund;

/// Jobs that wait longer than their escrow allows.
pub(super) async fn look(market: &Market) -> Result<(), ServerError> {
    let now = market.now();
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM jobs WHERE state IN ('queued', 'funded', 'draft')
            AND expire_at * 1000 - timeout_ms < $1 + 3600000 LIMIT $2",
    )
    .bind(now.0)
    .bind(super::AT_ONCE)
    .fetch_all(market.pool())
    .await?;
    for id in ids {
        let mut tx = market.begin().await?;
        let Some(mut job) = lock(&mut tx, JobId::from_uuid(id)).await? else { continue };
        if now <= latest_start(Moment(job.terms.expire_at.saturating_mul(1000)), job.timeout) {
            continue;
        }
        let message = "no node took it while its escrow had time enough left";
        let ended = Ended {
            reason: Reason::Unfunded,
            exit_code: None,
            message: message.to_owned(),
            delivered: false,
        };
        let said = Said { message, ended: Some(&ended) };
        match job.state {
            JobState::Draft => apply(&mut tx, &mut job, Event::Abandoned, now, said).await?,
            JobState::Funded | JobState::Queued => {
                apply(&mut tx, &mut job, Event::Refund, now, said).await?;
                write_refund(&mut tx, &job, now).await?;
            }
            _ => continue,
        }
        tx.commit().await?;
    }
    Ok(())
}
