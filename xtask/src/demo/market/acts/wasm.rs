//! A Wasm job, which the server runs again before it pays.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::Cast;
use crate::demo::market::announce;
use crate::demo::market::ends::SUCCEEDED;
use crate::demo::market::json::text;

/// The program, and what it reads: none of them is kept twice in the repository.
const PROGRAM: &str = "event-transform.wasm";
const DATA: &str = "seattle-weather-2015.jsonl";

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let Cast { stage, buyer, platform, .. } = cast;
    announce(
        "a Wasm program, which says that equal inputs give equal outputs: the platform runs it again before it pays",
    );
    let job = stage.home.join("windows");
    fs::create_dir_all(job.join("data"))?;
    fs::copy(stage.root.join("examples/windows/cyxwiz.yml"), job.join("cyxwiz.yml"))?;
    fs::copy(stage.guests.join(PROGRAM), job.join(PROGRAM)).context("no guest program")?;
    fs::copy(stage.root.join("workloads/data").join(DATA), job.join("data").join(DATA))?;
    println!("\n$ cp {PROGRAM} … && cp {DATA} data/    # beside examples/windows/cyxwiz.yml");
    let job = buyer.submit(&stage.typed(&job), &[], &SUCCEEDED)?;
    let found = platform.inspect(&job, &["recheck", "recheck_note"])?;
    ensure!(text(&found, "/recheck")? == "agrees", "the second run did not agree: {found}");
    println!("✓ the platform's own run gave the same outputs, digest by digest");
    buyer.ended(&job, &SUCCEEDED)?;
    let results = buyer.results(&job, "windows")?;
    ensure!(results.join("windows.jsonl").is_file(), "no windows were delivered");
    Ok(())
}
