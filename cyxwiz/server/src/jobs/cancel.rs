use cyxwiz_chain::escrow::policy::JobId as EscrowJob;
use cyxwiz_model::{Event, JobState, Reason};
use cyxwiz_proto::v1;

use super::moves::{Said, apply};
use super::row::{Job, lock, of_account};
use super::{Ended, view};
use crate::market::Market;
use crate::nodes::{attempt, finish_early, order_stop};
use crate::payments::write_refund;
use crate::{Buyer, Refusal, ServerError};

const MESSAGE: &str = "cancelled by its buyer";

pub(super) async fn cancel(
    market: &Market,
    buyer: &Buyer,
    request: v1::CancelJobRequest,
) -> Result<v1::CancelJobResponse, Refusal> {
    let job = of_account(market.pool(), buyer.account, &request.job_id).await?;
    // an escrow may be open although nobody told the server yet
    let open = job.state == JobState::Draft && has_escrow(market, &job).await?;
    let now = market.now();
    let mut tx = market.begin().await?;
    let found = lock(&mut tx, job.id).await?;
    let mut job = found.ok_or_else(|| Refusal::not_found("job", job.id))?;
    let ended =
        Ended { reason: Reason::Cancelled, exit_code: None, message: MESSAGE.to_owned(), delivered: false };
    let said = Said { message: MESSAGE, ended: Some(&ended) };
    if job.state == JobState::Draft && open {
        apply(&mut tx, &mut job, Event::Funded, now, Said::words("the escrow is open")).await?;
    }
    match job.state {
        JobState::Draft => apply(&mut tx, &mut job, Event::Abandoned, now, said).await?,
        JobState::Funded | JobState::Queued => {
            apply(&mut tx, &mut job, Event::Refund, now, said).await?;
            write_refund(&mut tx, &job, now).await?;
        }
        JobState::Assigned | JobState::Preparing => {
            finish_early(market, &mut tx, &mut job, ended, now).await?
        }
        JobState::Running => {
            let current = match job.attempt {
                Some(id) => attempt(&mut *tx, id).await?,
                None => None,
            };
            let current =
                current.ok_or_else(|| ServerError::stored("a job", "it runs without an attempt"))?;
            order_stop(&mut tx, &job, &current, Reason::Cancelled, now).await?;
        }
        // it is cancelled already
        _ if job.ending.as_ref().is_some_and(|ended| ended.reason == Reason::Cancelled) => {}
        state => {
            let message = format!("the job is {state}: it can no longer be cancelled");
            return Err(Refusal::new(v1::Reason::REASON_WRONG_STATE, message)
                .mend("dispute it within its window if its result is wrong"));
        }
    }
    tx.commit().await?;
    Ok(v1::CancelJobResponse { job: view::one(market, job).await?.into(), ..Default::default() })
}

async fn has_escrow(market: &Market, job: &Job) -> Result<bool, Refusal> {
    let escrow_job = EscrowJob(*job.id.as_bytes());
    let account = market.ground.rpc.escrow(&market.contract, &job.buyer, escrow_job).await;
    // one on other terms is the buyer's own business: he can cancel it by himself
    let account = account.map_err(ServerError::from)?;
    Ok(account.is_some_and(|account| account.escrow.settle_key == job.terms.settle_key))
}
