//! What an admin sets and everybody reads: pause, prices, the rate of SOL, and the key that links are signed with.

use cyxwiz_model::{GpuType, HourlyPrice, Moment, SolRate};
use cyxwiz_proto::v1::Reason;
use sqlx::Row as _;

use crate::db::unsigned;
use crate::{Db, Refusal, ServerError};

/// A price of the platform's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPrice {
    /// Of what.
    pub gpu_type: GpuType,
    /// An hour.
    pub price: HourlyPrice,
}

/// Whether new jobs are refused.
///
/// # Errors
/// The database failed.
pub async fn paused(db: &Db) -> Result<bool, ServerError> {
    let paused: Option<Option<i64>> =
        sqlx::query_scalar("SELECT paused_at FROM platform").fetch_optional(db.pool()).await?;
    Ok(paused.flatten().is_some())
}

/// Refuses new jobs while the platform is paused.
///
/// # Errors
/// It is.
pub async fn require_running(db: &Db) -> Result<(), Refusal> {
    if paused(db).await? {
        let refusal = Refusal::new(Reason::REASON_PAUSED, "the platform takes no new jobs now");
        return Err(refusal.mend("jobs that run go on; try again later"));
    }
    Ok(())
}

/// Pauses, or goes on.
///
/// # Errors
/// The database failed.
pub async fn pause(db: &Db, since: Option<Moment>) -> Result<(), ServerError> {
    link_key(db).await?;
    sqlx::query("UPDATE platform SET paused_at = $1").bind(since.map(|at| at.0)).execute(db.pool()).await?;
    Ok(())
}

/// The price list.
///
/// # Errors
/// The database failed.
pub async fn prices(db: &Db) -> Result<Vec<ListPrice>, ServerError> {
    let rows = sqlx::query("SELECT gpu_type, micro_usd_per_hour FROM list_prices ORDER BY gpu_type")
        .fetch_all(db.pool())
        .await?;
    let price = |row: sqlx::postgres::PgRow| {
        let gpu_type: &str = row.try_get(0)?;
        let gpu_type = gpu_type.parse().map_err(|error| ServerError::stored("a GPU type", error))?;
        let price = HourlyPrice(unsigned("a price", row.try_get(1)?)?);
        Ok(ListPrice { gpu_type, price })
    };
    rows.into_iter().map(price).collect()
}

/// Sets a price of the list, or takes it off.
///
/// # Errors
/// The database failed; a price that is nothing or too high.
pub async fn set_price(
    db: &Db,
    gpu_type: &GpuType,
    price: Option<HourlyPrice>,
    now: Moment,
) -> Result<(), ServerError> {
    let Some(HourlyPrice(price)) = price else {
        sqlx::query("DELETE FROM list_prices WHERE gpu_type = $1")
            .bind(gpu_type.as_str())
            .execute(db.pool())
            .await?;
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO list_prices (gpu_type, micro_usd_per_hour, set_at) VALUES ($1, $2, $3)
         ON CONFLICT (gpu_type) DO UPDATE SET micro_usd_per_hour = excluded.micro_usd_per_hour, set_at = excluded.set_at",
    )
    .bind(gpu_type.as_str())
    .bind(crate::db::signed("a price", price)?)
    .bind(now.0)
    .execute(db.pool())
    .await?;
    Ok(())
}

/// The newest rate of SOL.
///
/// # Errors
/// The database failed.
pub async fn sol_rate(db: &Db) -> Result<Option<SolRate>, ServerError> {
    let row = sqlx::query("SELECT micro_usd_per_sol, set_at FROM sol_rates ORDER BY set_at DESC LIMIT 1")
        .fetch_optional(db.pool())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let micro_usd = unsigned("a rate of SOL", row.try_get(0)?)?;
    Ok(Some(SolRate { micro_usd, at: Moment(row.try_get(1)?) }))
}

/// Sets the rate of SOL.
///
/// # Errors
/// The database failed.
pub async fn set_sol_rate(db: &Db, micro_usd: u64, now: Moment) -> Result<(), ServerError> {
    sqlx::query(
        "INSERT INTO sol_rates (set_at, micro_usd_per_sol) VALUES ($1, $2)
         ON CONFLICT (set_at) DO UPDATE SET micro_usd_per_sol = excluded.micro_usd_per_sol",
    )
    .bind(now.0)
    .bind(crate::db::signed("a rate of SOL", micro_usd)?)
    .execute(db.pool())
    .await?;
    Ok(())
}

/// The key of links and upload tokens, the same for every server of the database; made by the first.
pub(crate) async fn link_key(db: &Db) -> Result<[u8; 32], ServerError> {
    sqlx::query("INSERT INTO platform (link_key) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(crate::auth::random::<32>()?.as_slice())
        .execute(db.pool())
        .await?;
    let key: Vec<u8> = sqlx::query_scalar("SELECT link_key FROM platform").fetch_one(db.pool()).await?;
    key.try_into().map_err(|_| ServerError::stored("a link key", "not 32 bytes"))
}
