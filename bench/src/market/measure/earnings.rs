use anyhow::{Context as _, Result};
use e2e::market::{Buyer, Closed, Platform, Seller, jobs};
use serde::Serialize;
use serde_json::Value;

use crate::market::{database::Database, lab::Lab};

/// Computes so long by its own clock, and tells how long that was.
const SCRIPT: &str = r#"
import os, time
began = time.time_ns()
while time.time_ns() - began < float(os.environ["SECONDS"]) * 1e9:
    sum(range(100_000))
print("worked", time.time_ns() - began)
"#;
/// The part of a charge that the node gets.
const SHARE: f64 = 0.9;
/// A seller is paid in the coin whose units are small beside a charge of half a minute.
const COIN: &str = "SOL";

/// What a node earns, beside what its owner could expect.
#[derive(Serialize)]
pub(crate) struct Earnings {
    pub(crate) jobs: usize,
    pub(crate) seconds: u64,
    /// The node's own price × the time that scripts ran by their own clock × the node's part, base units.
    pub(crate) projected: f64,
    /// What the chain paid to it.
    pub(crate) settled: u64,
    /// What `cyxwiz-node earnings` tells.
    pub(crate) told: u64,
    /// What the server's books have.
    pub(crate) booked: u64,
}

pub(crate) fn earnings(lab: &Lab) -> Result<Earnings> {
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let (seller, buyer) = (platform.seller("seller"), platform.buyer());
    buyer.ok(&["wallet", "deposit", "0.1", COIN]);
    let database = Database::of(&platform.server);
    let (mut projected, mut settled) = (0.0, 0);
    for _ in 0..lab.sizes.paid {
        let (job, worked) = work(&platform, &buyer, lab.sizes.paid_seconds)?;
        projected += price(&seller, &database)? * worked / 3600.0 * SHARE;
        for closed in platform.closings(&job) {
            match closed {
                Closed::Paid { node, .. } => settled += node,
                Closed::GivenBack(_) => anyhow::bail!("{job} was not paid"),
            }
        }
    }
    let told = seller.json(&["earnings"]);
    let told = told.pointer(&format!("/settled_base_units/{COIN}")).and_then(Value::as_str);
    let booked = database.number("SELECT coalesce(sum(paid_node), 0)::bigint FROM jobs")?;
    Ok(Earnings {
        jobs: lab.sizes.paid,
        seconds: lab.sizes.paid_seconds,
        projected,
        settled,
        told: told.context("nothing was earned")?.parse()?,
        booked: u64::try_from(booked)?,
    })
}

/// Runs a job to its settlement; tells how long its script worked by its own clock, seconds.
fn work(platform: &Platform, buyer: &Buyer, seconds: u64) -> Result<(String, f64)> {
    let folder = jobs::script(platform, "works", SCRIPT);
    let seconds = format!("SECONDS={seconds}");
    let job = buyer.submit(&folder, &["--image", "python", "--coin", COIN, "--env", &seconds]);
    buyer.reaches(&job, &["completed"]);
    let told = buyer.told(&job);
    let worked = told.lines().find_map(|line| line.strip_prefix("worked ")).context("it did not work")?;
    Ok((job, worked.parse::<f64>()? / 1e9))
}

/// What the node's owner asks for an hour, base units, by the rate of the newest job.
fn price(seller: &Seller, database: &Database) -> Result<f64> {
    let status = seller.json(&["status"]);
    let asks = status.get("min_micro_usd_per_hour").and_then(Value::as_f64).context("no price")?;
    let rate = database.number("SELECT micro_usd_per_sol FROM jobs ORDER BY created_at DESC LIMIT 1")?;
    Ok(asks / rate as f64 * 1e9)
}
