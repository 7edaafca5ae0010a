use std::{path::Path, time::Instant};

use anyhow::{Context as _, Result};
use e2e::market::{Buyer, Seller, jobs};
use serde::Serialize;
use serde_json::Value;

use super::first_line::run;
use crate::market::lab::Lab;
use crate::samples::{Latency, Samples};

/// First steps, as fast as a machine types.
#[derive(Serialize)]
pub(crate) struct Start {
    /// A new home: `login`, `wallet deposit`, `submit` → the first line of the first job.
    pub(crate) sign_up: Latency,
    /// `submit` → queued.
    pub(crate) submit: Latency,
    /// `cyxwiz-node install`, then `run` → it would be given work.
    pub(crate) node: Latency,
    /// Estimates, and those that tell what the like costs at a cloud.
    pub(crate) estimates: usize,
    pub(crate) compared: usize,
    /// Of the last one: micro-USD an hour here and there, and what that is.
    pub(crate) price: u64,
    pub(crate) cloud: u64,
    pub(crate) cloud_offer: String,
}

const SCRIPT: &str = "print('first')\nprint('last')\n";

pub(crate) fn start(lab: &Lab) -> Result<Start> {
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let (mut sign_up, mut submit, mut node) = (Samples::default(), Samples::default(), Samples::default());
    let folder = jobs::script(&platform, "first", SCRIPT);
    let (mut seller, mut estimates) = (None, Vec::new());
    for round in 0..lab.sizes.starts {
        drop(seller.take());
        let began = Instant::now();
        let name = format!("seller-{round}");
        seller =
            Some(Seller::install(&platform, &name, &platform.folder("sellers").join(&name), &[]).ready());
        node.push(began.elapsed());

        let _ = std::fs::remove_dir_all(platform.folder("buyer"));
        let began = Instant::now();
        let buyer = platform.buyer();
        buyer.ok(&["wallet", "deposit", "1", "USDC"]);
        let mut command = buyer.command();
        command.arg("submit").arg(&folder).args(["--yes", "--disk", "1", "--image", "python"]);
        let before = began.elapsed();
        sign_up.push(before + run(command)?.first);

        estimates.push(estimate(&buyer, &folder));

        let began = Instant::now();
        let job = buyer.submit(&folder, &["--image", "python"]);
        submit.push(began.elapsed());
        buyer.reaches(&job, &["completed"]);
    }
    let last = estimates.last().context("no estimate")?;
    let micros = |name: &str| last.get(name).and_then(Value::as_u64).unwrap_or(0);
    let offer = last.get("cloud_offer").and_then(Value::as_str).unwrap_or("none");
    Ok(Start {
        sign_up: sign_up.latency()?,
        submit: submit.latency()?,
        node: node.latency()?,
        estimates: estimates.len(),
        compared: estimates.iter().filter(|said| is_compared(said)).count(),
        price: micros("price_micro_usd"),
        cloud: micros("cloud_micro_usd"),
        cloud_offer: offer.to_owned(),
    })
}

fn estimate(buyer: &Buyer, folder: &Path) -> Value {
    let folder = folder.to_string_lossy();
    buyer.json(&["estimate", &folder, "--disk", "1", "--image", "python"])
}

/// Whether an estimate names a machine of a cloud, and its price.
fn is_compared(said: &Value) -> bool {
    let price = said.get("cloud_micro_usd").and_then(Value::as_u64);
    price.is_some_and(|price| price > 0) && said.get("cloud_offer").is_some_and(Value::is_string)
}
