use clap::Subcommand;
use cyxwiz_chain::escrow::Address;
use serde_json::{Value, json};

use super::noted;
use crate::db::signed;
use crate::{Config, Db, ServerError};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum QuotaVerb {
    /// Set the time of failed runs a day that is refunded to a wallet
    Set {
        /// The wallet
        wallet: Address,
        /// Seconds a day, or `default`
        seconds: String,
    },
    /// Show a wallet's
    Show {
        /// The wallet
        wallet: Address,
    },
}

pub(super) async fn run(verb: QuotaVerb, config: &Config, db: &Db) -> Result<Value, ServerError> {
    let unknown = |wallet: &Address| ServerError::Said(format!("no account has the wallet {wallet}"));
    match verb {
        QuotaVerb::Set { wallet, seconds } => {
            let millis = match seconds.as_str() {
                "default" => None,
                text => {
                    let seconds: u64 = text.parse().map_err(|_| {
                        ServerError::Said(format!("`{text}` is neither seconds nor `default`"))
                    })?;
                    Some(signed("a quota", seconds.saturating_mul(1000))?)
                }
            };
            let changed = sqlx::query("UPDATE accounts SET refunded_compute_ms = $2 WHERE wallet = $1")
                .bind(wallet.to_string())
                .bind(millis)
                .execute(db.pool())
                .await?;
            if changed.rows_affected() == 0 {
                return Err(unknown(&wallet));
            }
            noted(db, "quota set", json!({ "wallet": wallet.to_string(), "seconds": seconds })).await
        }
        QuotaVerb::Show { wallet } => {
            let found: Option<Option<i64>> =
                sqlx::query_scalar("SELECT refunded_compute_ms FROM accounts WHERE wallet = $1")
                    .bind(wallet.to_string())
                    .fetch_optional(db.pool())
                    .await?;
            let own = found.ok_or_else(|| unknown(&wallet))?;
            let default = config.market.refunded_compute.0 / 1000;
            Ok(
                json!({ "wallet": wallet.to_string(), "seconds": own.map(|ms| ms / 1000), "default_seconds": default }),
            )
        }
    }
}
