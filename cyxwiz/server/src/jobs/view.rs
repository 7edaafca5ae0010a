use std::collections::HashMap;

use cyxwiz_model::{Amount, JobId, JobState, Span, charge, lacks, nearest};
use cyxwiz_proto::v1;
use uuid::Uuid;

use super::estimate::{asks, no_match};
use super::row::Job;
use crate::ServerError;
use crate::db::{DbId as _, unsigned};
use crate::market::{Market, ending_wire, timestamp};
use crate::nodes::{Attempt, attempts_of};

/// One job, as its buyer sees it.
pub(super) async fn one(market: &Market, job: Job) -> Result<v1::Job, ServerError> {
    let mut all = many(market, vec![job]).await?;
    all.pop().ok_or_else(|| ServerError::Said("a job vanished".to_owned()))
}

/// Jobs, as their buyer sees them, in the order given.
pub(super) async fn many(market: &Market, jobs: Vec<Job>) -> Result<Vec<v1::Job>, ServerError> {
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let mut attempts: HashMap<JobId, Vec<Attempt>> = HashMap::new();
    for attempt in attempts_of(market.pool(), &ids).await? {
        attempts.entry(attempt.job).or_default().push(attempt);
    }
    let uuids: Vec<Uuid> = ids.iter().map(|job| job.uuid()).collect();
    let seqs: Vec<(Uuid, i64)> = sqlx::query_as("SELECT job_id, seq FROM job_seq WHERE job_id = ANY($1)")
        .bind(uuids)
        .fetch_all(market.pool())
        .await?;
    let seqs: HashMap<JobId, i64> = seqs.into_iter().map(|(id, seq)| (JobId::from_uuid(id), seq)).collect();
    let mut wires = Vec::with_capacity(jobs.len());
    for job in jobs {
        let of_job = attempts.remove(&job.id).unwrap_or_default();
        let mut wire = job_wire(market, &job, &of_job)?;
        wire.event_seq = unsigned("an event's number", seqs.get(&job.id).copied().unwrap_or(0))?;
        wire.waiting_because = waiting(market, &job).await?;
        wires.push(wire);
    }
    Ok(wires)
}

/// A job on the wire, without what only the database knows.
///
/// # Errors
/// A stored job that cannot be read.
pub fn job_wire(market: &Market, job: &Job, attempts: &[Attempt]) -> Result<v1::Job, ServerError> {
    let now = market.now();
    let current = attempts.iter().find(|attempt| Some(attempt.id) == job.attempt);
    let ending = job
        .ending
        .as_ref()
        .map(|ended| ending_wire(ended.reason, ended.exit_code, &ended.message, ended.delivered));
    let open = job.state == JobState::Verifying && job.dispute_until.is_some_and(|until| now < until);
    Ok(v1::Job {
        id: job.id.to_string(),
        spec: job.wire_spec()?.into(),
        state: v1::JobState::from(job.state).into(),
        quote: quote_wire(job).into(),
        terms: terms_wire(market, job).into(),
        cost: cost(job, current.map(|attempt| attempt.counted(now))).into(),
        ending: ending.into(),
        attempts: attempts.iter().map(|attempt| attempt_wire(job, attempt)).collect(),
        created_at: timestamp(job.created_at).into(),
        ended_at: job.ended_at.map(timestamp).into(),
        open_signature: job.open_signature.clone(),
        close_signature: job.close_signature.clone(),
        dispute_until: job.dispute_until.filter(|_| open).map(timestamp).into(),
        ..Default::default()
    })
}

fn quote_wire(job: &Job) -> v1::Quote {
    v1::Quote {
        coin: v1::Coin::from(job.rate.coin).into(),
        micro_usd_per_hour: job.price.0,
        base_units_per_hour: job.rate.base_units,
        micro_usd_per_sol: job.micro_usd_per_sol,
        expires_at: timestamp(job.quote_expires_at).into(),
        ..Default::default()
    }
}

fn terms_wire(market: &Market, job: &Job) -> v1::Terms {
    let terms = &job.terms;
    v1::Terms {
        escrow_job_id: job.id.as_bytes().to_vec(),
        coin: v1::Coin::from(job.rate.coin).into(),
        deposit: terms.deposit.0,
        limit: terms.limit.0,
        expire_at: terms.expire_at,
        config_version: terms.config_version,
        program: market.contract.program.id.to_string(),
        settle_key: terms.settle_key.to_string(),
        treasury: terms.treasury.to_string(),
        fee_bps: terms.fee_bps.into(),
        ..Default::default()
    }
}

/// What a job costs: as settled, else as its meter says now.
pub(super) fn cost(job: &Job, counted: Option<Span>) -> v1::Cost {
    let metered = job.books.metered.or(counted).unwrap_or(Span::ZERO);
    let charged = job.books.charged.unwrap_or_else(|| charge(job.rate, metered).min(job.terms.deposit));
    v1::Cost {
        coin: v1::Coin::from(job.rate.coin).into(),
        deposit: job.terms.deposit.0,
        charged: charged.0,
        node: job.books.node.map_or(0, |amount| amount.0),
        platform: job.books.platform.map_or(0, |amount| amount.0),
        refund: job.books.refunded.map_or(0, |Amount(amount)| amount),
        metered_ms: metered.0,
        ..Default::default()
    }
}

fn attempt_wire(job: &Job, attempt: &Attempt) -> v1::Attempt {
    let ending = attempt.ended.as_ref().map(|(reason, exit, message)| {
        ending_wire(*reason, *exit, message, job.ending.as_ref().is_some_and(|ended| ended.delivered))
    });
    v1::Attempt {
        id: attempt.id.to_string(),
        epoch: attempt.epoch.0,
        node_id: attempt.node.to_string(),
        assigned_at: timestamp(attempt.assigned_at).into(),
        started_at: attempt.meter.map(|meter| timestamp(meter.started)).into(),
        ended_at: attempt.meter.and_then(|meter| meter.ended).map(timestamp).into(),
        ending: ending.into(),
        artifact_digest: attempt.artifact_digest.clone(),
        task_id: attempt.task_id.clone(),
        trace_id: hex::encode(&job.trace),
        ..Default::default()
    }
}

/// Why a job waits, with the nearest offers.
async fn waiting(market: &Market, job: &Job) -> Result<String, ServerError> {
    if job.state != JobState::Queued {
        return Ok(String::new());
    }
    let mut spec = job.parsed_spec()?;
    spec.max_price = job.price;
    let offers = market.offers.now(market).await?;
    let matching = offers.iter().filter(|offered| lacks(asks(&spec), &offered.offer).is_empty()).count();
    if matching > 0 {
        return Ok(match matching {
            1 => "the one node that matches is busy".to_owned(),
            count => format!("all {count} places that match are busy"),
        });
    }
    let near = nearest(asks(&spec), offers.iter().map(|offered| &offered.offer), 1);
    Ok(no_match(offers.len(), &near))
}
