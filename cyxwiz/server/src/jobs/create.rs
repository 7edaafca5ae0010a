use buffa::Message as _;
use cyxwiz_model::{JobId, JobSpec, JobState, Moment};
use cyxwiz_proto::v1;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

use super::agree::{check_cap, terms};
use super::estimate::parse;
use super::inputs::{Input, inputs, insert_inputs, missing};
use super::quote::Quoted;
use super::row::{Terms, by_id};
use super::{events, view};
use crate::db::{DbId as _, signed};
use crate::market::{Funnel, Market, note};
use crate::traces::CallTrace;
use crate::{Buyer, Refusal, ServerError};

pub(super) async fn create(
    market: &Market,
    buyer: &Buyer,
    call: CallTrace,
    request: v1::CreateJobRequest,
) -> Result<v1::CreateJobResponse, Refusal> {
    let key = request.idempotency_key.clone();
    if !(1..=64).contains(&key.chars().count()) {
        return Err(Refusal::field("idempotency_key", "write 1 to 64 characters"));
    }
    let spec = parse(request.spec.into_option())?;
    let inputs = inputs(market, &spec, request.files)?;
    let digest = digest(&spec, &inputs, request.deposit, request.limit);
    let now = market.now();
    if let Some(job) = same(market, buyer, &key, &digest).await? {
        return answer(market, job).await;
    }
    let quote =
        request.quote.into_option().ok_or_else(|| Refusal::field("quote", "the request has no quote"))?;
    let quoted = market.quote_key().read(&quote, &spec, now)?;
    check_cap(market, buyer, now).await?;
    let terms = terms(market, &spec, &quoted, request.deposit, request.limit, now).await?;
    let mut tx = market.begin().await?;
    let request = Request { key: &key, digest: &digest, call, at: now };
    let job = insert(&mut tx, buyer, &spec, &quoted, &terms, &request).await?;
    let Some(job) = job else {
        // the same request, twice at once: the other one made it
        drop(tx);
        let job = same(market, buyer, &key, &digest).await?;
        return answer(market, job.ok_or_else(|| ServerError::Said("a job vanished".to_owned()))?).await;
    };
    insert_inputs(&mut tx, job, &inputs).await?;
    note(&mut *tx, buyer.account.uuid(), Funnel::Created, now).await?;
    tx.commit().await?;
    answer(market, job).await
}

async fn answer(market: &Market, id: JobId) -> Result<v1::CreateJobResponse, Refusal> {
    let job = by_id(market.pool(), id).await?;
    let job = job.ok_or_else(|| ServerError::Said("a job vanished".to_owned()))?;
    let missing = missing(market, id).await?;
    Ok(v1::CreateJobResponse { job: view::one(market, job).await?.into(), missing, ..Default::default() })
}

/// What the request asks for, without the quote: a repeated call may carry a newer one.
fn digest(spec: &JobSpec, inputs: &[Input], deposit: u64, limit: u64) -> [u8; 32] {
    // a map on the wire has no order
    let plain = v1::JobSpec::from(&JobSpec { env: Default::default(), ..spec.clone() });
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(&plain.encode_to_vec());
    for (name, value) in &spec.env {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(b"files");
    for input in inputs {
        part(input.path.as_str().as_bytes());
        part(&input.size.to_le_bytes());
        part(&input.sha256);
    }
    part(&deposit.to_le_bytes());
    part(&limit.to_le_bytes());
    hash.finalize().into()
}

/// The job that an earlier call with this key made.
async fn same(market: &Market, buyer: &Buyer, key: &str, digest: &[u8]) -> Result<Option<JobId>, Refusal> {
    let found: Option<(uuid::Uuid, Vec<u8>)> =
        sqlx::query_as("SELECT id, request_sha256 FROM jobs WHERE account_id = $1 AND idempotency_key = $2")
            .bind(buyer.account.uuid())
            .bind(key)
            .fetch_optional(market.pool())
            .await?;
    match found {
        None => Ok(None),
        Some((id, before)) if before == digest => Ok(Some(JobId::from_uuid(id))),
        Some((id, _)) => {
            let job = JobId::from_uuid(id);
            let message = format!("the key was used for another request, which made {job}");
            Err(Refusal::new(v1::Reason::REASON_IDEMPOTENCY_CONFLICT, message).subject(job.to_string()))
        }
    }
}

/// The call that asks for a job, as the job's row keeps it.
struct Request<'a> {
    key: &'a str,
    digest: &'a [u8],
    call: CallTrace,
    at: Moment,
}

async fn insert(
    conn: &mut PgConnection,
    buyer: &Buyer,
    spec: &JobSpec,
    quoted: &Quoted,
    terms: &Terms,
    request: &Request<'_>,
) -> Result<Option<JobId>, Refusal> {
    let id = JobId::generate();
    let sol = (quoted.micro_usd_per_sol > 0).then_some(quoted.micro_usd_per_sol);
    let inserted = sqlx::query(
        "INSERT INTO jobs (id, account_id, buyer, idempotency_key, request_sha256, name, spec, state, state_at,
            created_at, trace_id, coin, price, rate, micro_usd_per_sol, quote_expires_at, deposit, limit_units,
            expire_at, config_version, settle_key, treasury, fee_bps, timeout_ms, max_attempts, parent_span)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'draft', $8, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            $20, $21, $22, $23, $24)
         ON CONFLICT (account_id, idempotency_key) DO NOTHING",
    )
    .bind(id.uuid())
    .bind(buyer.account.uuid())
    .bind(buyer.wallet.to_bytes().to_vec())
    .bind(request.key)
    .bind(request.digest)
    .bind(&spec.name)
    .bind(v1::JobSpec::from(spec).encode_to_vec())
    .bind(request.at.0)
    .bind(request.call.trace.0.to_vec())
    .bind(spec.coin.symbol())
    .bind(signed("a price", quoted.price.0)?)
    .bind(signed("a rate", quoted.rate.base_units)?)
    .bind(sol.map(|sol| signed("a rate for SOL", sol)).transpose()?)
    .bind(quoted.expires_at.0)
    .bind(signed("a deposit", terms.deposit.0)?)
    .bind(signed("a limit", terms.limit.0)?)
    .bind(terms.expire_at)
    .bind(i64::from(terms.config_version))
    .bind(terms.settle_key.to_bytes().to_vec())
    .bind(terms.treasury.to_bytes().to_vec())
    .bind(i32::from(terms.fee_bps))
    .bind(signed("a timeout", spec.timeout.0)?)
    .bind(i32::try_from(spec.max_attempts).unwrap_or(i32::MAX))
    .bind(request.call.span.0.to_vec())
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    sqlx::query("INSERT INTO job_seq (job_id) VALUES ($1)").bind(id.uuid()).execute(&mut *conn).await?;
    let change = v1::StateChange {
        state: v1::JobState::from(JobState::Draft).into(),
        message: "created".to_owned(),
        ..Default::default()
    };
    events::append(conn, id, &[events::encoded(request.at, change.into())]).await?;
    Ok(Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_same_whatever_the_order_of_its_environment() {
        let spec = |env: &[(&str, &str)]| {
            let wire = v1::JobSpec {
                name: "a".to_owned(),
                workload: Some(
                    v1::WasmWorkload { artifact: "a.wasm".to_owned(), ..Default::default() }.into(),
                ),
                requirements: v1::Requirements { gpu_type: "cpu".to_owned(), ..Default::default() }.into(),
                max_micro_usd_per_hour: 5,
                timeout_seconds: 60,
                coin: v1::Coin::Usdc.into(),
                env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
                ..Default::default()
            };
            JobSpec::try_from(wire).unwrap()
        };
        let of = |spec: &JobSpec, deposit| digest(spec, &[], deposit, 0);
        let one = spec(&[("A", "1"), ("B", "2")]);
        assert_eq!(of(&one, 0), of(&spec(&[("B", "2"), ("A", "1")]), 0));
        assert_ne!(of(&one, 0), of(&spec(&[("A", "1"), ("B", "3")]), 0));
        assert_ne!(of(&one, 0), of(&one, 1));
    }
}
