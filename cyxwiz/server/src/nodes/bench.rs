//! Giving nodes benchmarks: at enrolment, at moments that they cannot foresee, and again where one was not passed.

use buffa::Message as _;
use cyxwiz_model::{Moment, NodeId, Span, benchmark_threads};
use cyxwiz_proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::market::{Market, timestamp};

/// Rounds of all threads together: under a second for whoever checks them one after the other.
const WORK: u64 = 4_000_000;
/// Threads below which each has the same work.
const FEW: u64 = 8;
/// How long an answer is awaited.
const PATIENCE: Span = Span::seconds(120);
/// How much later than that it counts as not answered: an answer in time may still be on the way through a server.
const GRACE: Span = Span::seconds(10);
/// How long after a benchmark that was not passed a node that stands by is given the next.
const AGAIN: Span = Span::seconds(60);

/// The benchmark that a node must run before it is given work; none where its hardware was confirmed.
pub(super) async fn due(
    conn: &mut PgConnection,
    node: NodeId,
    hardware: &v1::Hardware,
    bytes: &[u8],
    now: Moment,
) -> Result<Option<v1::Benchmark>, ServerError> {
    let confirmed: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("SELECT confirmed FROM node_offers WHERE node_id = $1")
            .bind(node.uuid())
            .fetch_optional(&mut *conn)
            .await?;
    if confirmed.flatten().is_some_and(|confirmed| covers(&confirmed, hardware)) {
        sqlx::query("UPDATE node_offers SET confirmed = hardware WHERE node_id = $1")
            .bind(node.uuid())
            .execute(conn)
            .await?;
        return Ok(None);
    }
    give(conn, node, hardware, bytes, now).await.map(Some)
}

/// Whether a machine is the one that was confirmed. How much of its disk is free changes by the minute, and no
/// benchmark says anything about it.
fn covers(confirmed: &[u8], hardware: &v1::Hardware) -> bool {
    v1::Hardware::decode_from_slice(confirmed)
        .is_ok_and(|before| v1::Hardware { disk_mib: hardware.disk_mib, ..before } == *hardware)
}

/// Gives a node a new benchmark; an older one is no longer answered.
async fn give(
    conn: &mut PgConnection,
    node: NodeId,
    hardware: &v1::Hardware,
    bytes: &[u8],
    now: Moment,
) -> Result<v1::Benchmark, ServerError> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| ServerError::Said(error.to_string()))?;
    let threads = benchmark_threads(hardware.cpu_milli);
    let rounds = WORK / u64::from(threads).max(FEW);
    let (id, deadline) = (Uuid::now_v7(), now.plus(PATIENCE));
    sqlx::query("DELETE FROM benchmarks WHERE node_id = $1 AND passed IS NULL")
        .bind(node.uuid())
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO benchmarks (id, node_id, seed, rounds, threads, cpu_model, hardware, given_at, deadline_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(node.uuid())
    .bind(seed.to_vec())
    .bind(crate::db::signed("rounds", rounds)?)
    .bind(i32::try_from(threads).unwrap_or(i32::MAX))
    .bind(hardware.cpu_model.chars().take(200).collect::<String>())
    .bind(bytes)
    .bind(now.0)
    .bind(deadline.0)
    .execute(conn)
    .await?;
    Ok(v1::Benchmark {
        id: id.simple().to_string(),
        seed: seed.to_vec(),
        rounds,
        deadline: timestamp(deadline).into(),
        ..Default::default()
    })
}

/// Gives a node that stands by a benchmark again, at a moment that it cannot foresee.
///
/// # Errors
/// The database failed.
pub(crate) async fn canary(market: &Market, node: NodeId) -> Result<(), ServerError> {
    let bytes: Option<Vec<u8>> = sqlx::query_scalar("SELECT hardware FROM node_offers WHERE node_id = $1")
        .bind(node.uuid())
        .fetch_optional(market.pool())
        .await?;
    let Some(bytes) = bytes else { return Ok(()) };
    let hardware =
        v1::Hardware::decode_from_slice(&bytes).map_err(|error| ServerError::stored("hardware", error))?;
    let mut tx = market.begin().await?;
    let benchmark = give(&mut tx, node, &hardware, &bytes, market.now()).await?;
    tx.commit().await?;
    market.streams.send(node, v1::AttendResponse { message: Some(benchmark.into()), ..Default::default() });
    Ok(())
}

/// Benchmarks whose time is over without an answer: their nodes get no work until they have passed one.
///
/// # Errors
/// The database failed.
pub(crate) async fn expire(market: &Market) -> Result<(), ServerError> {
    let now = market.now();
    let late: Vec<Uuid> = sqlx::query_scalar(
        "WITH late AS (UPDATE benchmarks SET passed = false, message = 'the benchmark was not answered in time'
             WHERE passed IS NULL AND deadline_at < $2 RETURNING node_id, hardware)
         UPDATE node_offers o SET confirmed = NULL, confirmed_at = $1 FROM late
         WHERE o.node_id = late.node_id AND o.hardware = late.hardware RETURNING o.node_id",
    )
    .bind(now.0)
    .bind(now.0.saturating_sub(i64::try_from(GRACE.0).unwrap_or(i64::MAX)))
    .fetch_all(market.pool())
    .await?;
    for node in late {
        tracing::warn!(node.id = %NodeId::from_uuid(node), "a node did not answer its benchmark in time");
    }
    Ok(())
}

/// Nodes of these that stand by without work, for they did not pass their last benchmark, and may try the next.
///
/// # Errors
/// The database failed.
pub(crate) async fn to_try_again(market: &Market, nodes: &[NodeId]) -> Result<Vec<NodeId>, ServerError> {
    let before = market.now().0.saturating_sub(i64::try_from(AGAIN.0).unwrap_or(i64::MAX));
    let ids: Vec<Uuid> = nodes.iter().map(NodeId::uuid).collect();
    let found: Vec<Uuid> = sqlx::query_scalar(
        "SELECT o.node_id FROM node_offers o WHERE o.node_id = ANY($1) AND o.confirmed IS DISTINCT FROM o.hardware
            AND NOT EXISTS (SELECT 1 FROM benchmarks b WHERE b.node_id = o.node_id
                AND (b.passed IS NULL OR b.given_at > $2))",
    )
    .bind(ids)
    .bind(before)
    .fetch_all(market.pool())
    .await?;
    Ok(found.into_iter().map(NodeId::from_uuid).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_disk_makes_no_other_machine() {
        let machine = v1::Hardware {
            cpu_model: "model".to_owned(),
            cpu_milli: 2000,
            memory_mib: 4096,
            disk_mib: 10_000,
            ..Default::default()
        };
        let confirmed = machine.encode_to_vec();
        assert!(covers(&confirmed, &machine));
        assert!(covers(&confirmed, &v1::Hardware { disk_mib: 9_999, ..machine.clone() }));
        assert!(!covers(&confirmed, &v1::Hardware { cpu_milli: 4000, ..machine.clone() }));
        assert!(!covers(b"no message", &machine));
    }
}
