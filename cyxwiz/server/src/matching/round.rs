use std::collections::HashMap;

use buffa::Message as _;
use cyxwiz_model::{
    Ask, AttemptId, Declined, Epoch, Event, HourlyPrice, JobId, JobSpec, JobState, Moment, NodeId, Offer,
    Placement, Span, avoided_until, latest_start, place, step,
};
use cyxwiz_proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use super::offers::{Offered, offers};
use crate::ServerError;
use crate::db::{DbId as _, notify};
use crate::jobs::moves::told_all;
use crate::market::{Market, NODES, OUTBOX};
use crate::platform::prices;

/// Jobs of one round.
pub(super) const ROUND: usize = 500;
/// Windows of the queue that one round looks at: jobs that nothing matches must not hide those behind them.
const WINDOWS: usize = 20;
/// Attempts that ended longer ago say nothing about where a job may go: above every span of [`avoided_until`].
const REMEMBERED: Span = Span::seconds(120);
/// One server decides at a time.
const LOCK: i64 = 0x6379_7877_697a_0001;

/// A job that waits.
struct Waiting {
    id: JobId,
    queued_at: i64,
    price: HourlyPrice,
    spec: JobSpec,
    in_time: bool,
}

/// Places what can be placed; says how many jobs were.
///
/// # Errors
/// The database failed: nothing was placed.
pub async fn round(market: &Market) -> Result<usize, ServerError> {
    let now = market.now();
    let some: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued')")
        .fetch_one(market.pool())
        .await?;
    if !some {
        return Ok(0);
    }
    let mut tx = market.begin().await?;
    let mine: bool =
        sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *tx).await?;
    if !mine {
        // whoever decides now was woken by the same hint, and is followed by its own next round
        return Ok(0);
    }
    let prices = prices(&market.ground.db).await?;
    let mut free = offers(&mut *tx, &prices, now, true).await?;
    let failed = failed_lately(&mut tx, now).await?;
    let mut placed = Vec::new();
    let mut after = (i64::MIN, Uuid::nil());
    for _ in 0..WINDOWS {
        if free.is_empty() || placed.len() >= ROUND {
            break;
        }
        let jobs = waiting(&mut tx, after, now).await?;
        let Some(last) = jobs.last() else { break };
        after = (last.queued_at, last.id.uuid());
        placed.extend(decide(&jobs, &mut free, &failed));
    }
    write(&mut tx, &placed, now).await?;
    tx.commit().await?;
    if !placed.is_empty() {
        market.figures.placed.inc_by(placed.len() as u64);
        tracing::info!(placed = placed.len(), "jobs were placed");
    }
    Ok(placed.len())
}

/// The next jobs of the queue, oldest first.
async fn waiting(
    conn: &mut PgConnection,
    after: (i64, Uuid),
    now: Moment,
) -> Result<Vec<Waiting>, ServerError> {
    let rows: Vec<(Uuid, i64, i64, Vec<u8>, i64)> = sqlx::query_as(
        "SELECT id, queued_at, price, spec, expire_at FROM jobs
         WHERE state = 'queued' AND (queued_at, id) > ($1, $2)
         ORDER BY queued_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(i64::try_from(ROUND).unwrap_or(i64::MAX))
    .fetch_all(conn)
    .await?;
    let read = |(id, queued_at, price, spec, expire_at): (Uuid, i64, i64, Vec<u8>, i64)| {
        let wire =
            v1::JobSpec::decode_from_slice(&spec).map_err(|error| ServerError::stored("a job", error))?;
        let spec = JobSpec::try_from(wire).map_err(|error| ServerError::stored("a job", error))?;
        let price = HourlyPrice(crate::db::unsigned("a price", price)?);
        // one that it is too late for is the watchdog's to refund
        let in_time = now <= latest_start(Moment(expire_at.saturating_mul(1000)), spec.timeout);
        Ok(Waiting { id: JobId::from_uuid(id), queued_at, price, spec, in_time })
    };
    rows.into_iter().map(read).collect()
}

/// Which nodes failed which jobs, or had no place for them, a moment ago.
async fn failed_lately(
    conn: &mut PgConnection,
    now: Moment,
) -> Result<HashMap<JobId, Vec<NodeId>>, ServerError> {
    let rows: Vec<(Uuid, Uuid, i64, bool)> = sqlx::query_as(
        "SELECT a.job_id, a.node_id, a.released_at, a.busy FROM jobs j JOIN attempts a ON a.job_id = j.id
         WHERE j.state = 'queued' AND a.released_at > $1",
    )
    .bind(now.0.saturating_sub(i64::try_from(REMEMBERED.0).unwrap_or(i64::MAX)))
    .fetch_all(conn)
    .await?;
    let mut declined: HashMap<(Uuid, Uuid), Vec<Declined>> = HashMap::new();
    for (job, node, at, busy) in rows {
        declined.entry((job, node)).or_default().push(Declined { at: Moment(at), busy });
    }
    let mut failed: HashMap<JobId, Vec<NodeId>> = HashMap::new();
    for ((job, node), attempts) in declined {
        if now < avoided_until(attempts) {
            failed.entry(JobId::from_uuid(job)).or_default().push(NodeId::from_uuid(node));
        }
    }
    Ok(failed)
}

/// Takes what it places out of `free`.
fn decide(
    jobs: &[Waiting],
    free: &mut Vec<Offered>,
    failed: &HashMap<JobId, Vec<NodeId>>,
) -> Vec<(JobId, Offered)> {
    let asks = jobs.iter().filter(|job| job.in_time).map(|job| {
        let ask = Ask {
            requirements: &job.spec.requirements,
            containers: job.spec.workload.needs_containers(),
            max_price: job.price,
            avoid: failed.get(&job.id).map(Vec::as_slice).unwrap_or_default(),
        };
        (job.id, ask)
    });
    let offers: Vec<Offer> = free.iter().map(|offered| offered.offer.clone()).collect();
    let placements = place(asks, &offers);
    let mut taken: HashMap<usize, JobId> =
        placements.into_iter().map(|Placement { job, offer }| (offer, job)).collect();
    let mut placed = Vec::with_capacity(taken.len());
    let mut index = 0;
    free.retain(|offered| {
        let job = taken.remove(&index);
        index += 1;
        placed.extend(job.map(|job| (job, offered.clone())));
        job.is_none()
    });
    placed
}

async fn write(conn: &mut PgConnection, placed: &[(JobId, Offered)], now: Moment) -> Result<(), ServerError> {
    if placed.is_empty() {
        return Ok(());
    }
    let to = step(JobState::Queued, Event::Assigned).map_err(|error| ServerError::Said(error.to_string()))?;
    let jobs: Vec<Uuid> = placed.iter().map(|(job, _)| job.uuid()).collect();
    let attempts: Vec<Uuid> = placed.iter().map(|_| AttemptId::generate().uuid()).collect();
    let nodes: Vec<Uuid> = placed.iter().map(|(_, offered)| offered.offer.node.uuid()).collect();
    let places: Vec<&str> = placed.iter().map(|(_, offered)| offered.place.as_str()).collect();
    let gpus: Vec<&str> = placed.iter().map(|(_, offered)| offered.offer.gpu_uuid.as_str()).collect();
    let payees: Vec<&[u8]> = placed.iter().map(|(_, offered)| offered.payee.as_slice()).collect();
    let epochs: Vec<(Uuid, i32)> = sqlx::query_as(
        "UPDATE jobs j SET state = $3, state_at = $4, epoch = j.epoch + 1, attempt_id = x.attempt
         FROM unnest($1::uuid[], $2::uuid[]) AS x (job, attempt) WHERE j.id = x.job RETURNING j.id, j.epoch",
    )
    .bind(&jobs)
    .bind(&attempts)
    .bind(to.word())
    .bind(now.0)
    .fetch_all(&mut *conn)
    .await?;
    let epochs: Vec<(JobId, Epoch)> = epochs
        .into_iter()
        .map(|(job, epoch)| (JobId::from_uuid(job), Epoch(u32::try_from(epoch).unwrap_or(0))))
        .collect();
    sqlx::query(
        "INSERT INTO attempts (id, job_id, epoch, node_id, place, gpu_uuid, payee, assigned_at)
         SELECT x.attempt, x.job, j.epoch, x.node, x.place, x.gpu, x.payee, $7
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bytea[])
            AS x (attempt, job, node, place, gpu, payee) JOIN jobs j ON j.id = x.job",
    )
    .bind(&attempts)
    .bind(&jobs)
    .bind(&nodes)
    .bind(&places)
    .bind(&gpus)
    .bind(&payees)
    .bind(now.0)
    .execute(&mut *conn)
    .await?;
    // in the order of the queue, so that the oldest job's money moves first
    sqlx::query(
        "INSERT INTO outbox (job_id, kind, epoch, payee, created_at)
         SELECT x.job, 'assign', j.epoch, x.payee, $3
         FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS x (job, payee, place)
            JOIN jobs j ON j.id = x.job ORDER BY x.place",
    )
    .bind(&jobs)
    .bind(&payees)
    .bind(now.0)
    .execute(&mut *conn)
    .await?;
    told_all(conn, &epochs, to, now, "a node was chosen").await?;
    sqlx::query("SELECT pg_notify($1, x::text) FROM unnest($2::uuid[]) AS x")
        .bind(NODES)
        .bind(&nodes)
        .execute(&mut *conn)
        .await?;
    notify(conn, OUTBOX, "").await
}
