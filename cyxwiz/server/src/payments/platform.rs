use cyxwiz_proto::v1;

use crate::Refusal;
use crate::market::{Market, timestamp};
use crate::platform::{prices, sol_rate};

pub(super) async fn platform(market: &Market) -> Result<v1::GetPlatformResponse, Refusal> {
    let settle_key = market.settle_address().map(|key| key.to_string()).unwrap_or_default();
    let sol = sol_rate(&market.ground.db).await?;
    let prices = prices(&market.ground.db).await?.into_iter().map(|listed| v1::ListPrice {
        gpu_type: listed.gpu_type.to_string(),
        micro_usd_per_hour: listed.price.0,
        ..Default::default()
    });
    Ok(v1::GetPlatformResponse {
        cluster: market.ground.network.cluster.name().to_owned(),
        program: market.contract.program.id.to_string(),
        usdc_mint: market.contract.usdc.to_string(),
        settle_key,
        prices: prices.collect(),
        micro_usd_per_sol: sol.map_or(0, |rate| rate.micro_usd),
        sol_rate_at: sol.map(|rate| timestamp(rate.at)).into(),
        paused: crate::platform::paused(&market.ground.db).await?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: timestamp(market.now()).into(),
        ..Default::default()
    })
}
