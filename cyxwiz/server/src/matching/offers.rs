use std::sync::Arc;
use std::time::Duration;

use cyxwiz_model::{Availability, Capacity, HourlyPrice, Moment, NodeId, Offer, SUSPECT_AFTER};
use parking_lot::Mutex;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgExecutor, Row};
use tokio::time::Instant;

use crate::ServerError;
use crate::db::DbId as _;
use crate::jobs::{count, word};
use crate::market::Market;
use crate::platform::{ListPrice, prices};

/// How old what estimates are made of may be.
const FRESH: Duration = Duration::from_secs(1);

/// A place of an available node.
#[derive(Clone, Debug)]
pub struct Offered {
    /// What it offers.
    pub offer: Offer,
    /// Its name within the node.
    pub place: String,
    /// Who is paid.
    pub payee: Vec<u8>,
    /// Whether a job has it now.
    pub busy: bool,
    availability: Availability,
}

impl FromRow<'_, PgRow> for Offered {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let availability: serde_json::Value = row.try_get("availability")?;
        let availability =
            serde_json::from_value(availability).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        let cpu_milli = u32::try_from(count(row, "cpu_milli")?);
        let capacity = Capacity {
            gpu: word(row, "gpu_type")?,
            vram_mib: count(row, "vram_mib")?,
            cpu_milli: cpu_milli.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            memory_mib: count(row, "memory_mib")?,
            disk_mib: count(row, "disk_mib")?,
            containers: row.try_get("containers")?,
        };
        let offer = Offer {
            node: NodeId::from_uuid(row.try_get("node_id")?),
            gpu_uuid: row.try_get("gpu_uuid")?,
            capacity,
            price: HourlyPrice(count(row, "min_price")?),
        };
        Ok(Self {
            offer,
            place: row.try_get("place")?,
            payee: row.try_get("payout_wallet")?,
            busy: row.try_get("busy")?,
            availability,
        })
    }
}

/// Reads the places of every node that beats, is confirmed, owes no answer to a benchmark, is not banned, and open by
/// its owner's hours.
///
/// # Errors
/// The database failed.
pub(super) async fn offers(
    db: impl PgExecutor<'_>,
    prices: &[ListPrice],
    now: Moment,
    free_only: bool,
) -> Result<Vec<Offered>, ServerError> {
    let since = now.0.saturating_sub(i64::try_from(SUSPECT_AFTER.0).unwrap_or(i64::MAX));
    let mut offers: Vec<Offered> = sqlx::query_as(
        "SELECT p.*, o.min_price, o.availability, o.payout_wallet, a.id IS NOT NULL AS busy
         FROM places p
         JOIN node_offers o ON o.node_id = p.node_id AND o.confirmed = o.hardware
         JOIN nodes n ON n.id = p.node_id AND n.banned_at IS NULL
         JOIN node_beats b ON b.node_id = p.node_id AND b.last_beat >= $1 AND b.server_id IS NOT NULL
         LEFT JOIN attempts a ON a.node_id = p.node_id AND a.place = p.place AND a.released_at IS NULL
         WHERE (NOT $2 OR a.id IS NULL)
            AND NOT EXISTS (SELECT 1 FROM benchmarks m WHERE m.node_id = p.node_id AND m.passed IS NULL)
         ORDER BY p.node_id, p.place",
    )
    .bind(since)
    .bind(free_only)
    .fetch_all(db)
    .await?;
    offers.retain(|offered| offered.availability.open(now));
    for offered in &mut offers {
        let listed = prices.iter().find(|listed| listed.gpu_type == offered.offer.capacity.gpu);
        let listed = listed.map_or_else(HourlyPrice::default, |listed| listed.price);
        // nothing is free: a place without any price costs the least that can be counted
        offered.offer.price = offered.offer.price.max(listed).max(HourlyPrice(1));
    }
    Ok(offers)
}

/// What was read.
type Read = Option<(Instant, Arc<Vec<Offered>>)>;

/// What is offered, read at most once a second.
#[derive(Debug, Default)]
pub struct OfferBook {
    read: Mutex<Read>,
}

impl OfferBook {
    /// What is offered now, or was a second ago.
    ///
    /// # Errors
    /// The database failed.
    pub async fn now(&self, market: &Market) -> Result<Arc<Vec<Offered>>, ServerError> {
        if let Some((at, offers)) = &*self.read.lock()
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(offers));
        }
        let prices = prices(&market.ground.db).await?;
        let offers = Arc::new(offers(market.pool(), &prices, market.now(), false).await?);
        *self.read.lock() = Some((Instant::now(), Arc::clone(&offers)));
        Ok(offers)
    }
}
