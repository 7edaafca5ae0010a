use cyxwiz_chain::Entry;
use cyxwiz_chain::escrow::Event as ChainEvent;
use cyxwiz_chain::escrow::policy::JobId as EscrowJob;
use cyxwiz_model::{Amount, BasisPoints, Event, JobState, Moment, Split, step};
use sqlx::PgConnection;

use super::rows::{Kind, Row, end};
use super::write::write_refund;
use crate::ServerError;
use crate::db::{DbId as _, signed};
use crate::jobs::{Job, Said, apply, lock};
use crate::market::{Funnel, Market, alarm, fail_at, note};

/// Transactions of one escrow that are looked through; it has a handful.
const HISTORY: usize = 50;

/// What the chain says about a job's escrow, newest first.
pub(super) async fn history(market: &Market, job: &Job) -> Result<Vec<Entry>, ServerError> {
    let program = &market.contract.program;
    let escrow = program.escrow(&job.buyer, EscrowJob(*job.id.as_bytes()));
    Ok(market.ground.rpc.history(&program.id, &escrow, HISTORY).await?)
}

/// A row's transaction landed. False: the chain does not yet show what it did.
pub(super) async fn landed(
    market: &Market,
    row: &Row,
    job: &Job,
    signature: &impl ToString,
) -> Result<bool, ServerError> {
    let signature = signature.to_string();
    let entries = history(market, job).await?;
    let entry = entries.iter().find(|entry| entry.signature.to_string() == signature);
    let Some(event) = entry.and_then(|entry| entry.events.iter().find(|event| is_of(row.kind, event))) else {
        return Ok(false);
    };
    fail_at("before_conclude");
    book(market, row, event, &signature).await?;
    Ok(true)
}

const fn is_of(kind: Kind, event: &ChainEvent) -> bool {
    matches!(
        (kind, event),
        (Kind::Assign, ChainEvent::Assigned { .. })
            | (Kind::TopUp, ChainEvent::ToppedUp { .. })
            | (Kind::Settle, ChainEvent::Settled { .. })
            | (Kind::Refund, ChainEvent::GivenBack { .. })
    )
}

/// Writes down what the chain did for a row, and moves the job by it; all at once, and only once.
pub(super) async fn book(
    market: &Market,
    row: &Row,
    event: &ChainEvent,
    signature: &str,
) -> Result<(), ServerError> {
    let now = market.now();
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, row.job).await? else { return Ok(()) };
    if !end(&mut tx, row.id, "landed", signature, now).await? {
        return Ok(());
    }
    match event {
        ChainEvent::ToppedUp { deposit, .. } => topped_up(&mut tx, &mut job, *deposit, now).await?,
        ChainEvent::Settled { node, platform, refund, .. } => {
            let split = Split { node: *node, platform: *platform, refund: *refund };
            settled(&mut tx, &mut job, row, split, signature, now).await?;
        }
        ChainEvent::GivenBack { amount, .. } => {
            given_back(&mut tx, &mut job, *amount, signature, now).await?
        }
        _ => {}
    }
    tx.commit().await?;
    Ok(())
}

async fn topped_up(
    conn: &mut PgConnection,
    job: &mut Job,
    deposit: Amount,
    now: Moment,
) -> Result<(), ServerError> {
    sqlx::query("UPDATE jobs SET deposit = $2 WHERE id = $1")
        .bind(job.id.uuid())
        .bind(signed("a deposit", deposit.0)?)
        .execute(&mut *conn)
        .await?;
    job.terms.deposit = deposit;
    let words = format!("{} are set aside now", cyxwiz_model::Money { coin: job.rate.coin, amount: deposit });
    crate::jobs::moves::tell(conn, job, now, Said::words(&words)).await
}

async fn settled(
    conn: &mut PgConnection,
    job: &mut Job,
    row: &Row,
    split: Split,
    signature: &str,
    now: Moment,
) -> Result<(), ServerError> {
    let expected = Split::of(job.terms.deposit, row.amount, BasisPoints(job.terms.fee_bps)).ok();
    if expected != Some(split) {
        let what = format!("{} was settled as {split:?}, the meter says {expected:?}", job.id);
        alarm(conn, Some(job.id.uuid()), now, &what).await?;
    }
    let charged = split.node.0.saturating_add(split.platform.0);
    write_books(conn, job, [charged, split.node.0, split.platform.0, split.refund.0], signature).await?;
    if step(job.state, Event::Settled).is_err() {
        let what = format!("{} was settled on the chain while it is {}", job.id, job.state);
        return alarm(conn, Some(job.id.uuid()), now, &what).await;
    }
    note(&mut *conn, job.account.uuid(), Funnel::Completed, now).await?;
    if let Some(attempt) = job.attempt
        && let Some(attempt) = crate::nodes::attempt(&mut *conn, attempt).await?
    {
        note(&mut *conn, attempt.node.uuid(), Funnel::Paid, now).await?;
    }
    apply(conn, job, Event::Settled, now, Said::words("settled")).await
}

async fn given_back(
    conn: &mut PgConnection,
    job: &mut Job,
    amount: Amount,
    signature: &str,
    now: Moment,
) -> Result<(), ServerError> {
    if amount != job.terms.deposit {
        let what = format!("{} gave {} back, {} were set aside", job.id, amount.0, job.terms.deposit.0);
        alarm(conn, Some(job.id.uuid()), now, &what).await?;
    }
    write_books(conn, job, [0, 0, 0, amount.0], signature).await?;
    apply(conn, job, Event::Refunded, now, Said::words("everything is back in the buyer's balance")).await
}

async fn write_books(
    conn: &mut PgConnection,
    job: &Job,
    [charged, node, platform, refund]: [u64; 4],
    signature: &str,
) -> Result<(), ServerError> {
    sqlx::query(
        "UPDATE jobs SET charged = $2, paid_node = $3, paid_platform = $4, refunded = $5, close_signature = $6
         WHERE id = $1",
    )
    .bind(job.id.uuid())
    .bind(signed("a charge", charged)?)
    .bind(signed("a part", node)?)
    .bind(signed("a part", platform)?)
    .bind(signed("a refund", refund)?)
    .bind(signature)
    .execute(conn)
    .await?;
    Ok(())
}

/// It has happened, whoever sent it.
pub(super) async fn already(market: &Market, row: &Row) -> Result<(), ServerError> {
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, row.job).await? else { return Ok(()) };
    let now = market.now();
    if end(&mut tx, row.id, "landed", "", now).await? && row.kind == Kind::TopUp {
        let deposit = row.deposit_then.max(job.terms.deposit);
        topped_up(&mut tx, &mut job, deposit, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// It need not happen any more.
pub(super) async fn moot(market: &Market, row: &Row, why: &str) -> Result<(), ServerError> {
    tracing::info!(outbox.id = row.id, job.id = %row.job, kind = row.kind.word(), why, "a payment is moot");
    let mut tx = market.begin().await?;
    lock(&mut tx, row.job).await?;
    end(&mut tx, row.id, "moot", "", market.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The escrow's time ended before it was settled: the chain allows nothing but to give everything back.
pub(super) async fn too_late(market: &Market, row: &Row) -> Result<(), ServerError> {
    let now = market.now();
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, row.job).await? else { return Ok(()) };
    if end(&mut tx, row.id, "moot", "", now).await? && job.state == JobState::Settling {
        let what = format!("{} was not settled before its escrow's time ended", job.id);
        alarm(&mut tx, Some(job.id.uuid()), now, &what).await?;
        let words = "the escrow's time ended before the settlement: everything goes back";
        apply(&mut tx, &mut job, Event::Refund, now, Said::words(words)).await?;
        write_refund(&mut tx, &job, now).await?;
    }
    tx.commit().await?;
    Ok(())
}
