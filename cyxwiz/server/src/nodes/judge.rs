//! Judging what a node answered to a benchmark: its processors by work and time, its GPUs by what its driver tells.

use buffa::Message as _;
use cyxwiz_model::{Moment, NodeId, Span, benchmark};
use cyxwiz_proto::v1;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::band::{per_round, too_slow};
use super::{gpus, status};
use crate::db::{DbId as _, unsigned};
use crate::market::{Funnel, Market, bytes32, note};
use crate::{NodeCaller, Refusal, ServerError};

/// Results of a kind from which on its median counts.
const ENOUGH: usize = 5;

/// One answer is checked at a time: it is the server's processor too.
static CHECKING: Semaphore = Semaphore::const_new(1);

/// A benchmark that was given.
#[derive(sqlx::FromRow)]
struct Given {
    id: Uuid,
    seed: Vec<u8>,
    rounds: i64,
    threads: i32,
    cpu_model: String,
    hardware: Vec<u8>,
    given_at: i64,
    deadline_at: i64,
}

pub(super) async fn report(
    market: &Market,
    caller: &NodeCaller,
    request: v1::ReportBenchmarkRequest,
) -> Result<v1::ReportBenchmarkResponse, Refusal> {
    let id: Uuid = request.id.parse().map_err(|_| Refusal::field("id", "no id of a benchmark"))?;
    let output = bytes32("output", &request.output)?;
    let now = market.now();
    let given: Option<Given> = sqlx::query_as(
        "SELECT id, seed, rounds, threads, cpu_model, hardware, given_at, deadline_at FROM benchmarks
         WHERE id = $1 AND node_id = $2 AND passed IS NULL",
    )
    .bind(id)
    .bind(caller.node.uuid())
    .fetch_optional(market.pool())
    .await?;
    let given = given.ok_or_else(|| Refusal::not_found("benchmark", &request.id))?;
    let verdict = judge(market, &given, &request, output, now).await?;
    record(market, caller.node, &given, &verdict, now).await?;
    let node = status::status(market, caller.node).await?;
    let confirmed = verdict.message.is_empty();
    Ok(v1::ReportBenchmarkResponse {
        node: node.into(),
        confirmed,
        message: verdict.message,
        ..Default::default()
    })
}

/// What became of a benchmark.
struct Judged {
    took: Span,
    /// Why it was not passed; empty where it was.
    message: String,
}

async fn judge(
    market: &Market,
    given: &Given,
    request: &v1::ReportBenchmarkRequest,
    output: [u8; 32],
    now: Moment,
) -> Result<Judged, Refusal> {
    let elapsed = now.since(Moment(given.given_at));
    let said = request.took.as_option().cloned().unwrap_or_default();
    let said = u64::try_from(said.seconds).unwrap_or(0).saturating_mul(1000)
        + u64::try_from(said.nanos).unwrap_or(0) / 1_000_000;
    // a node cannot have taken longer than the server waited; what it says beyond that is not believed
    let took = Span(said.min(elapsed.0));
    let fail = |message: String| Ok(Judged { took, message });
    if now > Moment(given.deadline_at) {
        return fail("the answer came too late: enrol again".to_owned());
    }
    if i64::from(request.threads) != i64::from(given.threads) {
        return fail(format!("{} threads were used, {} were asked for", request.threads, given.threads));
    }
    let enrolled = v1::Hardware::decode_from_slice(&given.hardware)
        .map_err(|error| ServerError::stored("hardware", error))?;
    if let Err(lie) = gpus::still_are(&enrolled.gpus, &request.gpus) {
        return fail(lie.to_string());
    }
    let rounds = unsigned("rounds", given.rounds)?;
    let (seed, threads) = (given.seed.clone(), request.threads);
    let place = CHECKING.acquire().await.map_err(|error| ServerError::Said(error.to_string()))?;
    let expected = tokio::task::spawn_blocking(move || benchmark(&seed, rounds, threads)).await;
    drop(place);
    let expected = expected.map_err(|error| ServerError::Said(error.to_string()))?;
    if output != expected {
        return fail("the answer is wrong".to_owned());
    }
    let median = median(market, &given.cpu_model).await?;
    match too_slow(per_round(took, rounds), median) {
        None => fail(String::new()),
        Some(why) => fail(why),
    }
}

/// Nanoseconds a round of the kind, where enough of it were seen.
async fn median(market: &Market, cpu_model: &str) -> Result<Option<u64>, ServerError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT took_ms, rounds FROM benchmarks WHERE cpu_model = $1 AND passed ORDER BY given_at DESC LIMIT 51",
    )
    .bind(cpu_model)
    .fetch_all(market.pool())
    .await?;
    let mut times = Vec::with_capacity(rows.len());
    for (took, rounds) in rows {
        times.push(per_round(Span(unsigned("a time", took)?), unsigned("rounds", rounds)?));
    }
    times.sort_unstable();
    Ok(if times.len() < ENOUGH { None } else { times.get(times.len() / 2).copied() })
}

async fn record(
    market: &Market,
    node: NodeId,
    given: &Given,
    judged: &Judged,
    now: Moment,
) -> Result<(), ServerError> {
    let passed = judged.message.is_empty();
    let mut tx = market.begin().await?;
    sqlx::query("UPDATE benchmarks SET took_ms = $2, passed = $3, message = $4 WHERE id = $1")
        .bind(given.id)
        .bind(crate::db::signed("a time", judged.took.0)?)
        .bind(passed)
        .bind(&judged.message)
        .execute(&mut *tx)
        .await?;
    // another hardware may have been enrolled meanwhile: this says nothing about it
    sqlx::query(
        "UPDATE node_offers SET confirmed = CASE WHEN $3 THEN $2 END, confirmed_at = $4
         WHERE node_id = $1 AND hardware = $2",
    )
    .bind(node.uuid())
    .bind(&given.hardware)
    .bind(passed)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    if passed {
        note(&mut *tx, node.uuid(), Funnel::Confirmed, now).await?;
        crate::db::notify(&mut *tx, crate::market::QUEUE, "").await?;
    } else {
        tracing::warn!(node.id = %node, why = judged.message, "a node did not pass its benchmark");
    }
    tx.commit().await?;
    Ok(())
}
