//! Two jobs that their buyer stops: one waits, one runs.

use anyhow::{Result, ensure};

use super::{Cast, STOPPED, WEATHER};
use crate::demo::market::announce;
use crate::demo::market::ends::{End, Pays};

const BEFORE: End = End { pays: Pays::Nobody, ..STOPPED };

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let buyer = cast.buyer;
    announce("a job waits behind another one, and is cancelled before it runs: nobody pays");
    let [folder, more @ ..] = WEATHER;
    let runs = buyer.detach(folder, &[&more[..], &["--env", "PAUSE=0.2"]].concat())?;
    let waits = buyer.detach(folder, &more)?;
    buyer.reaches(&runs, "running")?;
    buyer.say(&["jobs", "--limit", "2"])?;
    buyer.say(&["cancel", &waits])?;
    buyer.told(&waits, &BEFORE)?;
    let split = buyer.ended(&waits, &BEFORE)?;
    ensure!(split.refund == split.deposit, "not all of it came back");

    announce("the other one is cancelled while it runs: what ran is paid, and what it has made is delivered");
    let mut watch = buyer.watch(&runs)?;
    watch.until("epoch 30/300")?;
    buyer.say(&["cancel", &runs])?;
    let (code, _) = watch.end()?;
    ensure!(code == Some(STOPPED.exit_code), "the watch ended with {code:?}");
    buyer.ended(&runs, &STOPPED)?;
    delivered(cast, &runs, "cancelled")
}

/// Fetches the model that a stopped script left.
pub(super) fn delivered(cast: &Cast<'_>, job: &str, name: &str) -> Result<()> {
    let model = cast.buyer.results(job, name)?.join("model.json");
    ensure!(model.is_file(), "the model so far was not delivered");
    Ok(())
}
