//! What a draft is agreed on.

use cyxwiz_chain::escrow::policy::ConfigVersion;
use cyxwiz_model::{Amount, JobSpec, Moment, Span, expire_at, refunded_compute};
use cyxwiz_proto::v1;

use super::estimate::refuse_price;
use super::quote::Quoted;
use super::row::Terms;
use crate::db::{DbId as _, signed, unsigned};
use crate::market::Market;
use crate::{Buyer, Refusal, ServerError};

const DAY: Span = Span::seconds(24 * 3600);

/// Failed runs of a day are refunded up to a cap.
pub(super) async fn check_cap(market: &Market, buyer: &Buyer, now: Moment) -> Result<(), Refusal> {
    let since = now.0.saturating_sub(i64::try_from(DAY.0).unwrap_or(i64::MAX));
    let (used, oldest, own): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT coalesce(sum(r.ms), 0)::bigint, min(r.at), max(a.refunded_compute_ms) FROM accounts a
         LEFT JOIN refunded_compute r ON r.account_id = a.id AND r.at > $2 WHERE a.id = $1",
    )
    .bind(buyer.account.uuid())
    .bind(since)
    .fetch_one(market.pool())
    .await?;
    let cap = match own {
        Some(own) => Span(unsigned("a cap", own)?),
        None => market.ground.config.market.refunded_compute,
    };
    let free_in = oldest.map_or(Span::ZERO, |at| Moment(at).plus(DAY).since(now));
    refunded_compute(Span(unsigned("refunded compute", used)?), cap, free_in).map_err(|error| {
        Refusal::new(v1::Reason::REASON_QUOTA, error.to_string()).retry_after(free_in.duration())
    })
}

/// The terms of an escrow that would be opened now.
pub(super) async fn terms(
    market: &Market,
    spec: &JobSpec,
    quoted: &Quoted,
    deposit: u64,
    limit: u64,
    now: Moment,
) -> Result<Terms, Refusal> {
    let settle_key = market.settle_address()?;
    market.not_paused().await?;
    let config = market.ground.rpc.config(&market.contract).await.map_err(ServerError::from)?;
    if config.paused {
        return Err(Refusal::new(v1::Reason::REASON_PAUSED, "the escrow program takes no new jobs now"));
    }
    if config.settle_key != settle_key {
        let message = "the escrow program names another settle key than this server has";
        return Err(Refusal::new(v1::Reason::REASON_PAUSED, message));
    }
    let whole = quoted.rate.deposit(spec.timeout).map_err(refuse_price)?;
    let deposit = if deposit == 0 { whole } else { Amount(deposit) };
    let limit = if limit == 0 { deposit } else { Amount(limit) };
    if deposit == Amount::ZERO {
        return Err(Refusal::field("deposit", "the job would cost nothing: give it more time"));
    }
    if limit < deposit {
        return Err(Refusal::field("limit", format!("{} is below the deposit of {}", limit.0, deposit.0)));
    }
    signed("a limit", limit.0).map_err(|_| Refusal::field("limit", "more than can be counted"))?;
    let ConfigVersion(config_version) = config.version;
    Ok(Terms {
        deposit,
        limit,
        expire_at: expire_at(now, spec.timeout).seconds(),
        config_version,
        settle_key,
        treasury: config.treasury,
        fee_bps: config.fee.0,
    })
}
