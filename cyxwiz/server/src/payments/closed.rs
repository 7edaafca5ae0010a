//! An escrow that is not there any more: somebody closed it, and the chain's history says who.

use cyxwiz_chain::Entry;
use cyxwiz_chain::escrow::Event as ChainEvent;
use cyxwiz_chain::escrow::policy::Closing;
use cyxwiz_model::{Event, JobState, Moment, Reason};
use sqlx::PgConnection;

use super::conclude::{book, history};
use super::rows::{Kind, Row, end};
use super::write::write_refund;
use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::{Ended, Job, Said, apply, lock};
use crate::market::{Market, alarm};
use crate::nodes::{End, attempt, finish};

/// Finds out how a row's escrow was closed, and goes on by that. False: the history does not say yet.
pub(super) async fn found(market: &Market, row: &Row, job: &Job) -> Result<bool, ServerError> {
    let entries = history(market, job).await?;
    let Some((signature, event)) = closing(&entries) else { return Ok(false) };
    match (row.kind, &event) {
        (Kind::Settle, ChainEvent::Settled { .. }) | (Kind::Refund, ChainEvent::GivenBack { .. }) => {
            book(market, row, &event, &signature).await?;
        }
        (_, ChainEvent::GivenBack { closing, .. }) => given_back(market, row, *closing).await?,
        _ => settled_before(market, row).await?,
    }
    Ok(true)
}

/// The event that closed the escrow.
fn closing(entries: &[Entry]) -> Option<(String, ChainEvent)> {
    entries.iter().find_map(|entry| {
        let closes =
            |event: &&ChainEvent| matches!(event, ChainEvent::Settled { .. } | ChainEvent::GivenBack { .. });
        entry.events.iter().find(closes).map(|event| (entry.signature.to_string(), *event))
    })
}

/// The money is the buyer's again although the job goes on: it ends here, and the refund's row finds it done.
async fn given_back(market: &Market, row: &Row, closing: Closing) -> Result<(), ServerError> {
    let message = match closing {
        Closing::Cancel => "its buyer cancelled the escrow on the chain",
        Closing::Expire => "its escrow's time ended",
        Closing::Refund => "its escrow was refunded",
    };
    let now = market.now();
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, row.job).await? else { return Ok(()) };
    if end(&mut tx, row.id, "moot", "", now).await? {
        end_unfunded(market, &mut tx, &mut job, message, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn end_unfunded(
    market: &Market,
    conn: &mut PgConnection,
    job: &mut Job,
    message: &str,
    now: Moment,
) -> Result<(), ServerError> {
    let current = match job.attempt {
        Some(id) if job.state.has_node() => attempt(&mut *conn, id).await?,
        _ => None,
    };
    if let Some(current) = current {
        return finish(market, conn, job, &current, End::by_server(Reason::Unfunded, message), now).await;
    }
    if job.state.has_escrow() && job.state != JobState::Refunding {
        let ended = Ended {
            reason: Reason::Unfunded,
            exit_code: None,
            message: message.to_owned(),
            delivered: false,
        };
        let said = Said { message, ended: Some(&ended) };
        apply(conn, job, Event::Refund, now, said).await?;
        write_refund(conn, job, now).await?;
    }
    Ok(())
}

/// A row that comes after a settlement has nothing to do; that of a refund should never be there.
async fn settled_before(market: &Market, row: &Row) -> Result<(), ServerError> {
    let now = market.now();
    let mut tx = market.begin().await?;
    let Some(job) = lock(&mut tx, row.job).await? else { return Ok(()) };
    if end(&mut tx, row.id, "moot", "", now).await? && row.kind == Kind::Refund {
        let what = format!("{} was to be refunded, and is settled on the chain", job.id);
        alarm(&mut tx, Some(job.id.uuid()), now, &what).await?;
    }
    tx.commit().await?;
    Ok(())
}
