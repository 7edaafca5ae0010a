use std::collections::HashMap;

use cyxwiz_model::{Amount, BudgetStep, Coin, JobId, Moment, Reason, budget_step, charge};
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::{Job, lock};
use crate::market::Market;
use crate::nodes::{Attempt, attempts_of, order_stop};
use crate::payments::write_top_up;

/// Runs that have spent four fifths of what is set aside: more is set aside, or they are stopped at the end of it.
pub(super) async fn look(market: &Market) -> Result<(), ServerError> {
    let now = market.now();
    // generous on purpose: what the meter would show with every beat counted
    let jobs: Vec<Job> = sqlx::query_as(
        "SELECT j.* FROM jobs j JOIN attempts a ON a.id = j.attempt_id JOIN meters m ON m.attempt_id = a.id
         WHERE j.state = 'running' AND a.stop_reason IS NULL
            AND (m.counted_ms + greatest($1 - m.last_at, 0))::numeric * j.rate / 3600000 >= j.deposit::numeric * 0.79
            AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.job_id = j.id AND o.kind = 'top_up'
                AND o.state IN ('waiting', 'sent')) LIMIT $2",
    )
    .bind(now.0)
    .bind(super::AT_ONCE)
    .fetch_all(market.pool())
    .await?;
    if jobs.is_empty() {
        return Ok(());
    }
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let attempts = attempts_of(market.pool(), &ids).await?;
    let current: HashMap<JobId, &Attempt> = attempts
        .iter()
        .filter(|attempt| jobs.iter().any(|job| job.attempt == Some(attempt.id)))
        .map(|attempt| (attempt.job, attempt))
        .collect();
    for job in &jobs {
        if let Some(attempt) = current.get(&job.id) {
            decide(market, job, attempt, now).await?;
        }
    }
    Ok(())
}

async fn decide(market: &Market, job: &Job, attempt: &Attempt, now: Moment) -> Result<(), ServerError> {
    let spent = charge(job.rate, attempt.counted(now));
    let free = if job.terms.limit > job.terms.deposit { free(market, job).await } else { Amount::ZERO };
    let whole = charge(job.rate, job.timeout);
    let step = budget_step(spent, job.terms.deposit, whole, job.terms.limit, free);
    if step == BudgetStep::Go {
        return Ok(());
    }
    let mut tx = market.begin().await?;
    let Some(job) = lock(&mut tx, job.id).await? else { return Ok(()) };
    if job.attempt != Some(attempt.id) || job.state != cyxwiz_model::JobState::Running {
        return Ok(());
    }
    match step {
        BudgetStep::Go => {}
        BudgetStep::Stop => order_stop(&mut tx, &job, attempt, Reason::Budget, now).await?,
        BudgetStep::TopUp(more) => {
            let pending: Option<Uuid> = sqlx::query_scalar(
                "SELECT job_id FROM outbox WHERE job_id = $1 AND kind = 'top_up' AND state IN ('waiting', 'sent')",
            )
            .bind(job.id.uuid())
            .fetch_optional(&mut *tx)
            .await?;
            if pending.is_none() {
                write_top_up(&mut tx, &job, more, now).await?;
            }
        }
    }
    tx.commit().await?;
    Ok(())
}

/// What is free in the buyer's balance. Of a chain that does not answer nothing is known: nothing is free then.
async fn free(market: &Market, job: &Job) -> Amount {
    let coin: Coin = job.rate.coin;
    match market.ground.rpc.balance(&market.contract, &job.buyer, coin).await {
        Ok(balance) => balance.map_or(Amount::ZERO, |balance| balance.free),
        Err(error) => {
            tracing::debug!(%error, "no balance: the run goes on with what is set aside");
            Amount::ZERO
        }
    }
}
