//! Trust in results beyond exit codes and digests: deterministic jobs are run again on a sample, and what comes out is
//! compared.
//!
//! ```text
//! a run succeeded ─► chosen by chance ─► due ─► any server that can: inputs, second run ─► agrees ─► settled
//!                                                                                        └─► differs ─► the node lied
//! ```

mod second;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cyxwiz_model::{JobSpec, Reason, Workload};
use cyxwiz_verify::Verifier;
use sqlx::PgConnection;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::{Job, lock};
use crate::market::Market;
use crate::nodes::{End, attempt, overturn};
use crate::refusal::chain_of;
use crate::traces;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// A second run takes at most so long, by the database's clock; then another server tries.
const LEASE_MS: i64 = 600_000;

/// Whether this process can be its own compiler: foreign programs are never compiled in the server itself.
static ABLE: AtomicBool = AtomicBool::new(false);

/// Says that this process began with [`cyxwiz_verify::compile_child`].
pub fn enable() {
    ABLE.store(true, Ordering::Relaxed);
}

/// Chooses a run that succeeded, by chance. Called by whoever publishes it, in the same transaction.
///
/// # Errors
/// The database failed; there is no chance.
pub(crate) async fn choose(
    conn: &mut PgConnection,
    job: &Job,
    spec: &JobSpec,
    reason: Reason,
    percent: u32,
) -> Result<(), ServerError> {
    if reason != Reason::Succeeded || !again(spec) {
        return Ok(());
    }
    let mut dice = [0_u8; 4];
    getrandom::fill(&mut dice).map_err(|error| ServerError::Said(error.to_string()))?;
    if u32::from_ne_bytes(dice) % 100 >= percent {
        return Ok(());
    }
    sqlx::query("UPDATE jobs SET recheck = 'due' WHERE id = $1").bind(job.id.uuid()).execute(conn).await?;
    Ok(())
}

/// Whether a job can be run again: it says that it is deterministic, and everything that it reads is here.
fn again(spec: &JobSpec) -> bool {
    matches!(&spec.workload, Workload::Wasm(wasm) if wasm.deterministic) && spec.data_urls.is_empty()
}

/// Makes second runs until the server stops, one at a time.
pub async fn run(market: Market) {
    if !ABLE.load(Ordering::Relaxed) {
        return;
    }
    let drain = market.ground.drain.clone();
    let home = market.ground.config.storage.data.join("verify");
    let mut verifier: Option<Arc<Verifier>> = None;
    loop {
        tokio::select! {
            turn = turn(&market, &home, &mut verifier) => match turn {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(error.chain = chain_of(&error), "a second run failed; it is tried again"),
            },
            () = drain.started() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = drain.started() => return,
        }
    }
}

/// One second run, where one is due; says whether there was one.
async fn turn(
    market: &Market,
    home: &std::path::Path,
    verifier: &mut Option<Arc<Verifier>>,
) -> Result<bool, ServerError> {
    let Some(job) = take(market).await? else { return Ok(false) };
    let opened = match verifier {
        Some(verifier) => Arc::clone(verifier),
        None => {
            let opened = Verifier::open(home).map_err(|error| ServerError::Said(chain_of(&error)))?;
            Arc::clone(verifier.insert(Arc::new(opened)))
        }
    };
    let began = market.now();
    let found = second::run(market, &opened, &job).await?;
    tracing::info!(job.id = %job.id, recheck = found.word(), note = found.note(), "a job was run again");
    conclude(market, &job, &found).await?;
    let differs = matches!(found, second::Found::Differs(_)).then(|| found.note().to_owned());
    traces::rerun(market, &job, began, found.word(), differs);
    Ok(true)
}

async fn take(market: &Market) -> Result<Option<Job>, ServerError> {
    let query = sqlx::query_as(
        "UPDATE jobs SET recheck_until = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $1
         WHERE id = (SELECT id FROM jobs WHERE state = 'verifying' AND recheck = 'due'
            AND recheck_until < (extract(epoch FROM clock_timestamp()) * 1000)::bigint
            ORDER BY state_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *",
    );
    Ok(query.bind(LEASE_MS).fetch_optional(market.pool()).await?)
}

async fn conclude(market: &Market, seen: &Job, found: &second::Found) -> Result<(), ServerError> {
    let now = market.now();
    let mut tx = market.begin().await?;
    let Some(mut job) = lock(&mut tx, seen.id).await? else { return Ok(()) };
    sqlx::query("UPDATE jobs SET recheck = $2, recheck_note = $3 WHERE id = $1")
        .bind(job.id.uuid())
        .bind(found.word())
        .bind(found.note())
        .execute(&mut *tx)
        .await?;
    if let second::Found::Differs(why) = found
        && job.state == cyxwiz_model::JobState::Verifying
        && let Some(id) = job.attempt
        && let Some(attempt) = attempt(&mut *tx, id).await?
    {
        let message = format!("a second run gives another result: {why}");
        overturn(&mut tx, &mut job, &attempt, End::by_server(Reason::BadResult, &message), now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What a second run says about a job, for a dispute.
///
/// # Errors
/// The database failed.
pub(crate) async fn evidence(conn: &mut PgConnection, job: &Job) -> Result<Option<String>, ServerError> {
    let found: Option<(Option<String>, String)> =
        sqlx::query_as("SELECT recheck, recheck_note FROM jobs WHERE id = $1")
            .bind(job.id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(found.and_then(|(word, note)| match word.as_deref() {
        Some("agrees") => Some("a second run on the platform gave the same outputs".to_owned()),
        Some("differs") => Some(format!("a second run on the platform gave another result: {note}")),
        Some("unknown") => Some(format!("a second run on the platform came to no result: {note}")),
        Some("due") => Some("a second run on the platform is due".to_owned()),
        _ => None,
    }))
}
