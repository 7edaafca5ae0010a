//! Who leaves comes back with nothing missing.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Cast, WEATHER};
use crate::demo::market::announce;
use crate::demo::market::ends::SUCCEEDED;
use crate::demo::market::json::number;

/// What a shell sees of Ctrl-C.
const INTERRUPTED: i32 = 130;

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let buyer = cast.buyer;
    announce(
        "a job is submitted and left; its buyer looks, leaves by Ctrl-C, and comes back: nothing is missing",
    );
    let [job, more @ ..] = WEATHER;
    let job = buyer.detach(job, &[&more[..], &["--env", "PAUSE=0.02"]].concat())?;
    let mut watch = buyer.watch(&job)?;
    watch.until("epoch 60/300")?;
    println!("^C");
    watch.interrupt()?;
    let (code, _) = watch.end()?;
    ensure!(code == Some(INTERRUPTED), "Ctrl-C ended the watch with {code:?}");

    let lines = buyer.told(&job, &SUCCEEDED)?;
    let said: Vec<&str> =
        lines.iter().filter_map(|line| line.strip_prefix("epoch ")?.split('/').next()).collect();
    let wanted = ["30", "60", "90", "120", "150", "180", "210", "240", "270", "300"];
    ensure!(said == wanted, "lines of the script are missing or told twice: {said:?}");
    let events = buyer.events(&job)?;
    let numbers: Vec<u64> = events.iter().filter_map(|event| event.get("seq")?.as_u64()).collect();
    let last = number(&buyer.job(&job)?, "/event_seq")?;
    ensure!(numbers.iter().copied().eq(1..=last), "events are missing: {numbers:?} of {last}");
    let logs =
        events.iter().filter(|event| event.get("event").and_then(Value::as_str) == Some("log")).count();
    println!("✓ all ten lines of the script once; events 1 to {last} ({logs} with output) without a gap");
    buyer.ended(&job, &SUCCEEDED).map(|_| ())
}
