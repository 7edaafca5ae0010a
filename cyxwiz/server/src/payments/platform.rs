use cyxwiz_proto::v1;

use crate::jobs::{list_prices, sol_rate};
use crate::market::{Market, timestamp};
use crate::{Refusal, ServerError};

pub(super) async fn platform(market: &Market) -> Result<v1::GetPlatformResponse, Refusal> {
    let settle_key = market.settle_address().map(|key| key.to_string()).unwrap_or_default();
    let sol = sol_rate(market.pool()).await?;
    let mut prices: Vec<v1::ListPrice> = list_prices(market.pool())
        .await?
        .into_iter()
        .map(|(gpu_type, price)| v1::ListPrice { gpu_type, micro_usd_per_hour: price.0, ..Default::default() })
        .collect();
    prices.sort_by(|a, b| a.gpu_type.cmp(&b.gpu_type));
    Ok(v1::GetPlatformResponse {
        cluster: market.ground.network.cluster.name().to_owned(),
        program: market.contract.program.id.to_string(),
        usdc_mint: market.contract.usdc.to_string(),
        settle_key,
        prices,
        micro_usd_per_sol: sol.map_or(0, |rate| rate.micro_usd),
        sol_rate_at: sol.map(|rate| timestamp(rate.at)).into(),
        paused: paused(market).await?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: timestamp(market.now()).into(),
        ..Default::default()
    })
}

/// Whether an admin paused the platform.
async fn paused(market: &Market) -> Result<bool, ServerError> {
    let paused: Option<bool> =
        sqlx::query_scalar("SELECT paused_at IS NOT NULL FROM platform").fetch_optional(market.pool()).await?;
    Ok(paused.unwrap_or(false))
}

impl Market {
    /// Refuses new work while the platform is paused.
    ///
    /// # Errors
    /// It is.
    pub(crate) async fn not_paused(&self) -> Result<(), Refusal> {
        if paused(self).await? {
            return Err(Refusal::new(v1::Reason::REASON_PAUSED, "the platform takes no new jobs now")
                .mend("jobs that are queued or run go on; try again later"));
        }
        Ok(())
    }
}
