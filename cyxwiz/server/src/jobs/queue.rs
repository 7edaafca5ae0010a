use cyxwiz_chain::escrow::policy::JobId as EscrowJob;
use cyxwiz_model::{Event, JobState, Moment, latest_start};
use cyxwiz_proto::v1::{self, Reason};

use super::inputs::missing;
use super::moves::{Said, apply};
use super::row::{Job, lock, of_account};
use super::terms::differs;
use super::view;
use crate::db::DbId as _;
use crate::market::{Funnel, Market, note};
use crate::{Buyer, Refusal, ServerError};

/// Files that a refusal names.
const NAMED: usize = 5;

pub(super) async fn queue(
    market: &Market,
    buyer: &Buyer,
    request: v1::QueueJobRequest,
) -> Result<v1::QueueJobResponse, Refusal> {
    let job = of_account(market.pool(), buyer.account, &request.job_id).await?;
    if !matches!(job.state, JobState::Draft | JobState::Funded) {
        return answer(market, job).await;
    }
    market.not_paused().await?;
    check_signature(&request.open_signature)?;
    let now = market.now();
    if now > latest_start(Moment(job.terms.expire_at.saturating_mul(1000)), job.timeout) {
        return Err(Refusal::new(
            Reason::REASON_WRONG_STATE,
            "too little of the escrow's time is left to run the job",
        )
        .mend("cancel it, and create it again"));
    }
    check_escrow(market, &job).await?;
    let missing = missing(market, job.id).await?;
    let job = step(market, &job, &request.open_signature, missing.is_empty()).await?;
    if let Some(first) = missing.first() {
        let names: Vec<&str> = missing.iter().take(NAMED).map(|file| file.path.as_str()).collect();
        let message = format!("{} files are missing: {}", missing.len(), names.join(", "));
        return Err(Refusal::new(Reason::REASON_FILES_MISSING, message)
            .mend("upload them, and queue the job again")
            .subject(first.path.clone()));
    }
    answer(market, job).await
}

async fn answer(market: &Market, job: Job) -> Result<v1::QueueJobResponse, Refusal> {
    Ok(v1::QueueJobResponse { job: view::one(market, job).await?.into(), ..Default::default() })
}

fn check_signature(text: &str) -> Result<(), Refusal> {
    let well = bs58::decode(text).into_vec().is_ok_and(|bytes| bytes.len() == 64);
    if well {
        Ok(())
    } else {
        Err(Refusal::field("open_signature", "no signature of a transaction in base58"))
    }
}

/// The escrow must be open on the terms exactly.
async fn check_escrow(market: &Market, job: &Job) -> Result<(), Refusal> {
    let escrow_job = EscrowJob(*job.id.as_bytes());
    let account = market.ground.rpc.escrow(&market.contract, &job.buyer, escrow_job).await;
    let account = account.map_err(ServerError::from)?;
    let mismatch =
        |message: String| Refusal::new(Reason::REASON_ESCROW_MISMATCH, message).subject(job.id.to_string());
    let Some(account) = account else {
        return Err(mismatch("no escrow of this job is open".to_owned())
            .mend("open it with the job's terms, wait for the transaction, and queue the job then"));
    };
    match differs(&market.contract, job, &account) {
        None => Ok(()),
        Some(difference) => Err(mismatch(format!("the escrow is not open on the job's terms: {difference}"))
            .mend("cancel that escrow, and open one with the terms")),
    }
}

async fn step(market: &Market, job: &Job, signature: &str, whole: bool) -> Result<Job, Refusal> {
    let now = market.now();
    let mut tx = market.begin().await?;
    let found = lock(&mut tx, job.id).await?;
    let mut job = found.ok_or_else(|| Refusal::not_found("job", job.id))?;
    if job.state == JobState::Draft {
        sqlx::query("UPDATE jobs SET open_signature = $2 WHERE id = $1")
            .bind(job.id.uuid())
            .bind(signature)
            .execute(&mut *tx)
            .await?;
        signature.clone_into(&mut job.open_signature);
        apply(&mut tx, &mut job, Event::Funded, now, Said::words("the escrow is open")).await?;
    }
    if job.state == JobState::Funded && whole {
        apply(&mut tx, &mut job, Event::Ready, now, Said::words("waits for a node")).await?;
        note(&mut *tx, job.account.uuid(), Funnel::Queued, now).await?;
    }
    tx.commit().await?;
    Ok(job)
}
