//! A node dies half-way, and another one goes on from the checkpoint.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Cast, WEATHER};
use crate::demo::market::ends::SUCCEEDED;
use crate::demo::market::json::{list, text};
use crate::demo::market::seller::Seller;
use crate::demo::market::{announce, wait};

/// Between two looks into the platform's database.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let Cast { stage, chain, platform, seller, buyer } = *cast;
    announce("a second seller's machine takes a job while the first one rests");
    let mut second = Seller::install(stage, "second", chain.address("seller")?)?;
    second.run()?;
    second.gets_work(true)?;
    seller.say(&["pause"])?;
    seller.gets_work(false)?;
    let [job, more @ ..] = WEATHER;
    let job = buyer.detach(job, &[&more[..], &["--env", "PAUSE=0.05"]].concat())?;
    let mut watch = buyer.watch(&job)?;
    watch.until("epoch 120/300")?;
    wait("a checkpoint on the platform", LOOK, || Ok(has_checkpoint(&platform.job(&job)?)?.then_some(())))?;

    announce(
        "half-way the power of that machine is cut, agent and container: after 20 s of silence the other goes on",
    );
    seller.say(&["resume"])?;
    second.power_cut()?;
    let (code, lines) = watch.end()?;
    ensure!(code == Some(0), "the watch ended with {code:?}");
    let from = lines.iter().find_map(|line| line.strip_prefix("goes on from epoch ")?.parse::<u32>().ok());
    let from = from.context("it began anew")?;
    ensure!((30..300).contains(&from), "it went on from epoch {from}");

    buyer.say(&["show", &job])?;
    let found = buyer.job(&job)?;
    let attempts = list(&found, "/attempts")?;
    let [first, last] = attempts else { anyhow::bail!("{} attempts", attempts.len()) };
    ensure!(text(first, "/ending/reason")? == "node_lost", "the first attempt: {first}");
    ensure!(text(first, "/ending/class")? == "node", "whose fault it was: {first}");
    ensure!(text(first, "/node")? != text(last, "/node")?, "the same node had it twice");
    println!(
        "✓ it went on from epoch {from} on another node; only that one is paid, and only for its own time"
    );
    buyer.ended(&job, &SUCCEEDED)?;

    announce("the machine is back: its agent clears what was left there, and learns that it is not paid");
    second.say(&["pause"])?;
    second.run()?;
    let left = stage.home.join("second/attempts");
    wait("nothing is left of the attempt", LOOK, || Ok((fs::read_dir(&left)?.count() == 0).then_some(())))?;
    second.say(&["earnings"])?;
    let earned = second.json(&["earnings"])?;
    ensure!(text(&earned, "/earnings/0/state")? == "not paid: node_lost", "{earned}");
    Ok(())
}

fn has_checkpoint(job: &Value) -> Result<bool> {
    let whole = |file: &Value| -> Result<bool> {
        Ok(text(file, "/kind")? == "checkpoint" && text(file, "/state")? == "whole")
    };
    let files = list(job, "/files")?.iter().map(whole).collect::<Result<Vec<_>>>()?;
    Ok(files.contains(&true))
}
