use buffa::Message as _;
use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{Availability, NodeId, WeekHours};
use cyxwiz_proto::v1;
use sqlx::{PgConnection, PgExecutor};

use super::places::{Place, places};
use super::{bench, gpus, status};
use crate::db::{DbId as _, signed};
use crate::market::{Funnel, Market, note};
use crate::{NodeCaller, Refusal, ServerError};

const MAX_GPUS: usize = 64;

pub(super) async fn enrol(
    market: &Market,
    caller: &NodeCaller,
    request: v1::EnrolNodeRequest,
) -> Result<v1::EnrolNodeResponse, Refusal> {
    let checked = check(caller, &request)?;
    let now = market.now();
    let mut tx = market.begin().await?;
    refuse_banned(&mut *tx, caller.node).await?;
    let hardware = request.hardware.as_option().map(v1::Hardware::encode_to_vec).unwrap_or_default();
    sqlx::query(
        "INSERT INTO node_offers (node_id, enrolled, enrolled_at, payout_wallet, min_price, availability, hardware)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (node_id) DO UPDATE SET enrolled = $2, enrolled_at = $3, payout_wallet = $4, min_price = $5,
            availability = $6, hardware = $7",
    )
    .bind(caller.node.uuid())
    .bind(request.encode_to_vec())
    .bind(now.0)
    .bind(checked.payout.to_bytes().to_vec())
    .bind(signed("a price", request.min_micro_usd_per_hour)?)
    .bind(serde_json::to_value(&checked.availability).map_err(|error| ServerError::Said(error.to_string()))?)
    .bind(&hardware)
    .execute(&mut *tx)
    .await?;
    write_places(&mut tx, caller.node, &checked.places).await?;
    sqlx::query("INSERT INTO node_beats (node_id, last_beat) VALUES ($1, 0) ON CONFLICT DO NOTHING")
        .bind(caller.node.uuid())
        .execute(&mut *tx)
        .await?;
    note(&mut *tx, caller.node.uuid(), Funnel::Enrolled, now).await?;
    let benchmark = bench::due(&mut tx, caller.node, &checked.hardware, &hardware, now).await?;
    crate::db::notify(&mut *tx, crate::market::QUEUE, "").await?;
    tx.commit().await?;
    let node = status::status(market, caller.node).await?;
    Ok(v1::EnrolNodeResponse { node: node.into(), benchmark: benchmark.into(), ..Default::default() })
}

/// What an enrolment says, parsed.
struct Checked {
    payout: Address,
    availability: Availability,
    hardware: v1::Hardware,
    places: Vec<Place>,
}

fn check(caller: &NodeCaller, request: &v1::EnrolNodeRequest) -> Result<Checked, Refusal> {
    if !(1..=64).contains(&request.name.chars().count()) || request.name.chars().any(char::is_control) {
        return Err(Refusal::field("name", "1 to 64 characters"));
    }
    let payout: Address = request
        .payout_wallet
        .parse()
        .map_err(|_| Refusal::field("payout_wallet", "no address: write it in base58"))?;
    if payout == caller.identity || payout == Address::default() {
        return Err(Refusal::field("payout_wallet", "it must be a wallet, not the node's identity key"));
    }
    if request.cpu_slots > 64 {
        return Err(Refusal::field("cpu_slots", "at most 64"));
    }
    let hardware =
        request.hardware.as_option().cloned().ok_or_else(|| Refusal::field("hardware", "missing"))?;
    if hardware.gpus.len() > MAX_GPUS || hardware.cpu_milli == 0 || hardware.memory_mib == 0 {
        return Err(Refusal::field("hardware", "a machine has processors and memory, and at most 64 GPUs"));
    }
    let mut uuids: Vec<&str> = hardware.gpus.iter().map(|gpu| gpu.uuid.as_str()).collect();
    uuids.sort_unstable();
    uuids.dedup();
    if uuids.len() != hardware.gpus.len() || uuids.iter().any(|uuid| !(1..=100).contains(&uuid.len())) {
        return Err(Refusal::field("hardware.gpus.uuid", "each GPU has one of its own"));
    }
    gpus::can_be(&hardware.gpus).map_err(|lie| {
        tracing::warn!(node.id = %caller.node, why = %lie, "a node's GPU cannot be what it is called");
        Refusal::field("hardware.gpus", lie)
    })?;
    let places = places(&hardware, request.cpu_slots)
        .map_err(|error| Refusal::field("hardware.gpus.gpu_type", error))?;
    let availability = availability(request.availability.as_option())?;
    Ok(Checked { payout, availability, hardware, places })
}

fn availability(wire: Option<&v1::Availability>) -> Result<Availability, Refusal> {
    use v1::availability::Mode;
    let Some(wire) = wire else { return Ok(Availability::Off) };
    match wire.mode.as_known() {
        Some(Mode::MODE_ON) => Ok(Availability::On),
        Some(Mode::MODE_OFF | Mode::MODE_UNSPECIFIED) => Ok(Availability::Off),
        Some(Mode::MODE_SCHEDULE) => {
            let refuse = |error| Refusal::field("availability.hours", error);
            let hours = wire.hours.iter().map(|hours| WeekHours::new(hours.from_minute, hours.to_minute));
            Availability::schedule(hours.collect::<Result<_, _>>().map_err(refuse)?)
                .map_err(|error| Refusal::field("availability.hours", error))
        }
        None => Err(Refusal::field("availability.mode", "on, off or schedule")),
    }
}

/// Banned nodes get no stream and no work.
pub(super) async fn refuse_banned(db: impl PgExecutor<'_>, node: NodeId) -> Result<(), Refusal> {
    let banned: Option<String> = sqlx::query_scalar(
        "SELECT coalesce(ban_reason, '') FROM nodes WHERE id = $1 AND banned_at IS NOT NULL",
    )
    .bind(node.uuid())
    .fetch_optional(db)
    .await?;
    match banned {
        None => Ok(()),
        Some(why) => Err(Refusal::new(v1::Reason::REASON_BANNED, format!("the node was banned: {why}"))),
    }
}

async fn write_places(conn: &mut PgConnection, node: NodeId, places: &[Place]) -> Result<(), ServerError> {
    let names: Vec<&str> = places.iter().map(|place| place.name.as_str()).collect();
    sqlx::query("DELETE FROM places WHERE node_id = $1 AND NOT place = ANY($2)")
        .bind(node.uuid())
        .bind(&names)
        .execute(&mut *conn)
        .await?;
    for place in places {
        let capacity = &place.capacity;
        sqlx::query(
            "INSERT INTO places (node_id, place, gpu_uuid, gpu_type, vram_mib, cpu_milli, memory_mib, disk_mib,
                containers)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (node_id, place) DO UPDATE SET gpu_type = $4, vram_mib = $5, cpu_milli = $6,
                memory_mib = $7, disk_mib = $8, containers = $9",
        )
        .bind(node.uuid())
        .bind(&place.name)
        .bind(&place.gpu_uuid)
        .bind(capacity.gpu.as_str())
        .bind(signed("memory", capacity.vram_mib)?)
        .bind(i64::from(capacity.cpu_milli))
        .bind(signed("memory", capacity.memory_mib)?)
        .bind(signed("disk", capacity.disk_mib)?)
        .bind(capacity.containers)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
