use std::time::Duration;

use cyxwiz_chain::{Backoff, Courier, Ledger as _, Outcome, Policy, Signed};
use solana_signer::Signer as _;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::rows::{Row, give_back, record, renew, take, unsign};
use super::{closed, conclude, draft};
use crate::ServerError;
use crate::jobs::{Job, by_id};
use crate::market::{Market, alarm, fail_at};
use crate::refusal::chain_of;

/// Rows that a server works on at once.
const AT_ONCE: usize = 16;
/// How long a lost hint can delay a row.
const EVERY: Duration = Duration::from_secs(1);
/// How often a lease is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// For how long one row is watched before others get the place.
const PATIENCE: Duration = Duration::from_secs(25);
/// Tries from which on a person should look.
const MANY: u32 = 12;

/// Between tries of a row that fails.
const PAUSES: Backoff = Backoff { first: Duration::from_millis(250), most: Duration::from_secs(30) };

/// What became of a try.
enum Tried {
    /// The row is done.
    Done,
    /// Somebody else works on it now.
    LostLease,
    /// Take it again later.
    Later(String),
}

/// Sends until the server stops. What is under way then is found in the rows by another.
pub async fn run(market: Market) {
    if market.settle_key().is_err() {
        return;
    }
    let drain = market.ground.drain.clone();
    let mut working = JoinSet::new();
    loop {
        while working.try_join_next().is_some() {}
        let places = AT_ONCE.saturating_sub(working.len());
        let rows = if places == 0 { Ok(Vec::new()) } else { take(&market, places).await };
        match rows {
            Ok(rows) => {
                for row in rows {
                    let market = market.clone();
                    working.spawn(async move { work(&market, row).await });
                }
            }
            Err(error) => tracing::warn!(error.chain = chain_of(&error), "the outbox could not be read"),
        }
        tokio::select! {
            () = market.bus.outbox.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
            Some(_) = working.join_next() => {}
            () = drain.started() => break,
        }
    }
    // the bytes are recorded: whoever comes next finds out what became of them
    working.shutdown().await;
}

async fn work(market: &Market, row: Row) {
    let tried = tokio::select! {
        tried = attempt(market, &row) => tried,
        () = keep(market, row.id) => Ok(Tried::LostLease),
    };
    let later = match tried {
        Ok(Tried::Done | Tried::LostLease) => return,
        Ok(Tried::Later(why)) => why,
        Err(error) => chain_of(&error),
    };
    tracing::warn!(outbox.id = row.id, job.id = %row.job, kind = row.kind.word(), tries = row.tries, why = later,
        "a payment waits");
    let pause = i64::try_from(PAUSES.pause(row.tries).as_millis()).unwrap_or(i64::MAX);
    if let Err(error) = give_back(market, row.id, pause, &later).await {
        tracing::warn!(error.chain = chain_of(&error), "a payment's lease runs out by itself");
    }
    if row.tries == MANY {
        let what = format!("the {} of {} was tried {MANY} times: {later}", row.kind.word(), row.job);
        if let Ok(mut conn) = market.pool().acquire().await {
            let _ = alarm(&mut conn, Some(crate::db::DbId::uuid(&row.job)), market.now(), &what).await;
        }
    }
}

/// Renews the lease; comes back once it is lost.
async fn keep(market: &Market, row: i64) {
    let mut ticks = interval(RENEW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        // a database that is away for a moment decides nothing
        if matches!(renew(market, row).await, Ok(false)) {
            return;
        }
    }
}

async fn attempt(market: &Market, row: &Row) -> Result<Tried, ServerError> {
    let job = by_id(market.pool(), row.job).await?;
    let job = job.ok_or_else(|| ServerError::stored("the outbox", "a row of no job"))?;
    let policy = Policy { poll: Duration::from_millis(200), patience: PATIENCE, ..Policy::outbox() };
    let courier = Courier::new(market.ground.rpc.clone(), policy);
    if let Some(signed) = &row.signed {
        let outcome = courier.resume(signed).await;
        if let Some(tried) = after(market, row, &job, signed, outcome).await? {
            return Ok(tried);
        }
    }
    let (key, escrow_job) = (market.settle_key(), cyxwiz_chain::escrow::policy::JobId(*job.id.as_bytes()));
    let Ok(key) = key else { return Ok(Tried::Later("this server has no settle key".to_owned())) };
    let account = market.ground.rpc.escrow(&market.contract, &job.buyer, escrow_job).await?;
    let Some(account) = account else {
        return closed::found(market, row, &job).await.map(|done| match done {
            true => Tried::Done,
            false => {
                Tried::Later("the escrow is gone, and the chain's history does not say why yet".to_owned())
            }
        });
    };
    let draft = match draft::draft(market, row, &job, key.pubkey(), &account).await? {
        draft::Todo::Send(draft) => draft,
        draft::Todo::Done => {
            conclude::already(market, row).await?;
            return Ok(Tried::Done);
        }
        draft::Todo::Moot(why) => {
            conclude::moot(market, row, &why).await?;
            return Ok(Tried::Done);
        }
        draft::Todo::TooLate => {
            conclude::too_late(market, row).await?;
            return Ok(Tried::Done);
        }
    };
    fail_at("before_sign");
    let lifetime = market.ground.rpc.lifetime().await?;
    let signed = draft.sign(lifetime, &[key]).map_err(cyxwiz_chain::ChainError::from)?;
    if !record(market, row, &signed, market.now()).await? {
        return Ok(Tried::LostLease);
    }
    fail_at("after_sign");
    let outcome = courier.send(&signed).await;
    let tried = after(market, row, &job, &signed, outcome).await?;
    Ok(tried.unwrap_or_else(|| Tried::Later("it ran out of time and is signed anew".to_owned())))
}

/// What follows from an outcome; nothing where the row may be signed anew.
async fn after(
    market: &Market,
    row: &Row,
    job: &Job,
    signed: &Signed,
    outcome: Outcome,
) -> Result<Option<Tried>, ServerError> {
    fail_at("after_send");
    Ok(match outcome {
        Outcome::Landed { error: None, .. } => {
            let done = conclude::landed(market, row, job, &signed.signature()).await?;
            fail_at("after_conclude");
            Some(if done {
                Tried::Done
            } else {
                Tried::Later("it landed, and the chain's history does not show it yet".to_owned())
            })
        }
        // in a block, and nothing happened there: these bytes are spent
        Outcome::Landed { error: Some(why), .. } => {
            let kept = unsign(market, row.id).await?;
            Some(if kept { Tried::Later(format!("the chain refused it: {why}")) } else { Tried::LostLease })
        }
        Outcome::Expired => {
            if unsign(market, row.id).await? {
                None
            } else {
                Some(Tried::LostLease)
            }
        }
        Outcome::Refused(why) => Some(Tried::Later(format!("the chain would refuse it: {why}"))),
        Outcome::Undecided => Some(Tried::Later("it is not known yet whether it landed".to_owned())),
    })
}
