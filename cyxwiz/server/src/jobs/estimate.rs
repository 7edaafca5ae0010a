use cyxwiz_model::{Ask, HourlyRate, JobSpec, Offer, PriceError, lacks, nearest};
use cyxwiz_proto::v1;

use super::quote::{QUOTE_LIFE, Quoted};
use crate::db::DbId as _;
use crate::market::{Funnel, Market, note};
use crate::matching::{Offered, cloud_price};
use crate::platform::sol_rate;
use crate::{Buyer, Refusal};

/// Offers that an answer names at most.
const SHOWN: usize = 20;
/// Offers that come near, at most.
const NEAR: usize = 5;

pub(super) async fn estimate(
    market: &Market,
    buyer: &Buyer,
    request: v1::EstimateJobRequest,
) -> Result<v1::EstimateJobResponse, Refusal> {
    let spec = parse(request.spec.into_option())?;
    let now = market.now();
    note(market.pool(), buyer.account.uuid(), Funnel::Estimated, now).await?;
    let offers = market.offers.now(market).await?;
    let (matching, quoted) = price(market, &spec, &offers).await?;
    let queue: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = 'queued'")
        .fetch_one(market.pool())
        .await?;
    let (cloud_offer, cloud) = cloud_price(&spec.requirements);
    let mut answer = v1::EstimateJobResponse {
        offers: matching.iter().take(SHOWN).map(|offered| offer_wire(&offered.offer)).collect(),
        matching: u32::try_from(matching.len()).unwrap_or(u32::MAX),
        cloud_micro_usd_per_hour: cloud.0,
        cloud_offer: cloud_offer.to_owned(),
        queue_length: u32::try_from(queue).unwrap_or(u32::MAX),
        ..Default::default()
    };
    match quoted {
        Some(quoted) => {
            answer.deposit = quoted.rate.deposit(spec.timeout).map_err(refuse_price)?.0;
            answer.quote = market.quote_key().sign(&quoted, &spec).into();
        }
        None => {
            let near = nearest(asks(&spec), offers.iter().map(|offered| &offered.offer), NEAR);
            answer.no_match = no_match(offers.len(), &near);
            answer.nearest = near
                .into_iter()
                .map(|(offer, lacks)| v1::NearMiss {
                    offer: offer_wire(offer).into(),
                    lacks: sentence(&lacks),
                    ..Default::default()
                })
                .collect();
        }
    }
    Ok(answer)
}

/// Reads a job as a buyer sent it.
pub(super) fn parse(spec: Option<v1::JobSpec>) -> Result<JobSpec, Refusal> {
    let spec = spec.ok_or_else(|| Refusal::field("spec", "the request names no job"))?;
    JobSpec::try_from(spec)
        .map_err(|error| Refusal::new(v1::Reason::REASON_BAD_REQUEST, error.to_string()).subject("spec"))
}

/// What a job asks of offers.
pub(crate) fn asks(spec: &JobSpec) -> Ask<'_> {
    let containers = spec.workload.needs_containers();
    Ask { requirements: &spec.requirements, containers, max_price: spec.max_price, avoid: &[] }
}

/// The offers that match, cheapest first, and the price that a job would be created at: the cheapest of those that
/// are free, else the cheapest.
async fn price<'a>(
    market: &Market,
    spec: &JobSpec,
    offers: &'a [Offered],
) -> Result<(Vec<&'a Offered>, Option<Quoted>), Refusal> {
    let mut matching: Vec<&Offered> =
        offers.iter().filter(|offered| lacks(asks(spec), &offered.offer).is_empty()).collect();
    matching.sort_by_key(|offered| (offered.offer.price, offered.busy));
    let best = matching.iter().find(|offered| !offered.busy).or_else(|| matching.first());
    let Some(best) = best else { return Ok((matching, None)) };
    let (now, price) = (market.now(), best.offer.price);
    let sol = sol_rate(&market.ground.db).await?;
    let rate = HourlyRate::of(price, spec.coin, sol, now).map_err(refuse_price)?;
    let micro_usd_per_sol = match spec.coin {
        cyxwiz_model::Coin::Sol => sol.map_or(0, |rate| rate.micro_usd),
        cyxwiz_model::Coin::Usdc => 0,
    };
    let quoted = Quoted { price, rate, micro_usd_per_sol, expires_at: now.plus(QUOTE_LIFE) };
    Ok((matching, Some(quoted)))
}

pub(super) fn refuse_price(error: PriceError) -> Refusal {
    let reason = match error {
        PriceError::NoSolRate | PriceError::OldSolRate { .. } => v1::Reason::REASON_NO_SOL_RATE,
        PriceError::TooHigh => v1::Reason::REASON_BAD_REQUEST,
    };
    Refusal::new(reason, error.to_string())
}

/// Why nothing matches, with the nearest offer, in one sentence.
pub(super) fn no_match(offers: usize, near: &[(&Offer, Vec<cyxwiz_model::Lack>)]) -> String {
    match (offers, near.first()) {
        (0, _) | (_, None) => "no node is available at the moment".to_owned(),
        (count, Some((offer, lacks))) => format!(
            "none of {count} offers matches; the nearest is {} for {}: {}",
            offer.capacity.gpu,
            offer.price,
            sentence(lacks)
        ),
    }
}

fn sentence(lacks: &[cyxwiz_model::Lack]) -> String {
    lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn offer_wire(offer: &Offer) -> v1::Offer {
    v1::Offer {
        node_id: offer.node.to_string(),
        gpu_type: offer.capacity.gpu.to_string(),
        vram_mib: offer.capacity.vram_mib,
        cpu_milli: offer.capacity.cpu_milli,
        memory_mib: offer.capacity.memory_mib,
        micro_usd_per_hour: offer.price.0,
        ..Default::default()
    }
}
