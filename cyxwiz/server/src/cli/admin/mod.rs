//! What an admin does, against the database and the chain; it works beside servers that run.

mod job;
mod node;
mod price;
mod quota;
mod treasury;
mod usd;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{Output, say};
use crate::db::OpenDb;
use crate::{Clock, Config, Db, ServerError, platform};

/// Set prices and rates, pause, ban, inspect
#[derive(Debug, Subcommand)]
pub(super) enum AdminVerb {
    /// The platform's price list
    #[command(subcommand)]
    Price(price::PriceVerb),
    /// What one SOL is worth
    #[command(subcommand)]
    SolRate(price::SolRateVerb),
    /// Who gets the platform's part, on chain
    #[command(subcommand)]
    Treasury(treasury::TreasuryVerb),
    /// Take no new jobs; those that run go on
    Pause,
    /// Take jobs again
    Resume,
    /// Nodes
    #[command(subcommand)]
    Node(node::NodeVerb),
    /// Jobs
    #[command(subcommand)]
    Job(job::JobVerb),
    /// Failed runs that are refunded to a wallet
    #[command(subcommand)]
    Quota(quota::QuotaVerb),
}

pub(super) async fn run(verb: AdminVerb, config: Config, output: Output) -> Result<(), ServerError> {
    if let AdminVerb::Treasury(verb) = verb {
        return say(output, &treasury::run(verb, &config).await?);
    }
    let database = OpenDb::open(&config).await?;
    let done = match database.db.migrate().await {
        Ok(()) => act(verb, &config, &database.db).await,
        Err(error) => Err(error),
    };
    database.close().await;
    say(output, &done?)
}

async fn act(verb: AdminVerb, config: &Config, db: &Db) -> Result<Value, ServerError> {
    let now = Clock::system().now();
    match verb {
        AdminVerb::Price(verb) => price::run(verb, db, now).await,
        AdminVerb::SolRate(verb) => price::run_sol(verb, db, now).await,
        AdminVerb::Pause | AdminVerb::Resume => {
            let paused = matches!(verb, AdminVerb::Pause);
            platform::pause(db, paused.then_some(now)).await?;
            noted(db, if paused { "pause" } else { "resume" }, json!({ "paused": paused })).await
        }
        AdminVerb::Node(verb) => node::run(verb, db, now).await,
        AdminVerb::Job(verb) => job::run(verb, db).await,
        AdminVerb::Quota(verb) => quota::run(verb, config, db).await,
        AdminVerb::Treasury(_) => Ok(Value::Null),
    }
}

/// Writes down what was done, tells the servers, and gives it back to be printed.
async fn noted(db: &Db, verb: &str, detail: Value) -> Result<Value, ServerError> {
    sqlx::query("INSERT INTO admin_log (at, verb, detail) VALUES ($1, $2, $3)")
        .bind(Clock::system().now().0)
        .bind(verb)
        .bind(&detail)
        .execute(db.pool())
        .await?;
    crate::db::notify(db.pool(), "platform", verb).await?;
    Ok(detail)
}
