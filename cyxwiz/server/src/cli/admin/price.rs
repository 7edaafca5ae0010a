use clap::Subcommand;
use cyxwiz_model::{GpuType, HourlyPrice, Moment};
use serde_json::{Value, json};

use super::noted;
use super::usd::{MicroUsd, dollars};
use crate::{Db, ServerError, platform};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PriceVerb {
    /// Set what an hour costs
    Set {
        /// A GPU's short name such as rtx4090, or cpu
        gpu: GpuType,
        /// US dollars an hour
        usd: MicroUsd,
    },
    /// Take a price off the list
    Remove {
        /// A GPU's short name, or cpu
        gpu: GpuType,
    },
    /// Show the list
    List,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SolRateVerb {
    /// Set it; it is good for an hour
    Set {
        /// US dollars for one SOL
        usd: MicroUsd,
    },
    /// Show it
    Show,
}

pub(super) async fn run(verb: PriceVerb, db: &Db, now: Moment) -> Result<Value, ServerError> {
    match verb {
        PriceVerb::Set { gpu, usd } => {
            platform::set_price(db, &gpu, Some(HourlyPrice(usd.0)), now).await?;
            noted(db, "price set", json!({ "gpu": gpu.as_str(), "usd_per_hour": dollars(usd.0) })).await
        }
        PriceVerb::Remove { gpu } => {
            platform::set_price(db, &gpu, None, now).await?;
            noted(db, "price remove", json!({ "gpu": gpu.as_str(), "removed": true })).await
        }
        PriceVerb::List => {
            let prices = platform::prices(db).await?;
            let row = |price: &platform::ListPrice| json!({ "gpu": price.gpu_type.as_str(), "usd_per_hour": dollars(price.price.0) });
            Ok(prices.iter().map(row).collect())
        }
    }
}

pub(super) async fn run_sol(verb: SolRateVerb, db: &Db, now: Moment) -> Result<Value, ServerError> {
    match verb {
        SolRateVerb::Set { usd } => {
            platform::set_sol_rate(db, usd.0, now).await?;
            noted(db, "sol-rate set", json!({ "usd_per_sol": dollars(usd.0) })).await
        }
        SolRateVerb::Show => Ok(match platform::sol_rate(db).await? {
            None => json!({ "usd_per_sol": null }),
            Some(rate) => {
                json!({ "usd_per_sol": dollars(rate.micro_usd), "age_seconds": now.since(rate.at).0 / 1000 })
            }
        }),
    }
}
