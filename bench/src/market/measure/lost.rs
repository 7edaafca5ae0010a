use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use e2e::market::{Buyer, Platform, Seller, jobs};
use rustix::process::Signal;
use serde::Serialize;

use crate::market::{
    database::Database,
    lab::{Lab, now_ms, span},
};
use crate::samples::{Latency, Samples};

/// Seconds between two checkpoints that are kept.
const CHECKPOINT: u64 = 10;
/// The scripts' own step, seconds: each keeps a checkpoint.
const STEP: &str = "0.5";
/// A cut that must kill nothing.
const CUT: Duration = Duration::from_secs(15);
/// Between two deaths, so that they meet beats in every phase.
const APART: Duration = Duration::from_millis(1_300);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);

/// Nodes that die while they work.
#[derive(Serialize)]
pub(crate) struct Lost {
    /// SIGKILL → the server gives the job to another.
    pub(crate) seen: Latency,
    /// SIGKILL → the script runs elsewhere.
    pub(crate) restarted: Latency,
    /// Work that was done again.
    pub(crate) work: Latency,
    pub(crate) checkpoint_seconds: u64,
    /// Agents that stood still for fifteen seconds, and those of them whose jobs went on.
    pub(crate) cut: usize,
    pub(crate) survived: usize,
}

pub(crate) fn lost(lab: &Lab) -> Result<Lost> {
    let checkpoints = format!("--checkpoint-seconds={CHECKPOINT}");
    let platform = lab.platform(&["--dispute-window-seconds=1", "--calls-per-address=100000", &checkpoints]);
    let (database, buyer) = (Database::of(&platform.server), platform.buyer());
    buyer.ok(&["wallet", "deposit", "5", "USDC"]);
    let count = lab.sizes.dying;
    let group = |name: &str| (0..count).map(|number| platform.seller(&format!("{name}{number}"))).collect();
    let mut working: Vec<Seller> = group("a");

    let jobs = start(&platform, &buyer, &database, count)?;
    working.iter().for_each(|seller| seller.signal(Signal::STOP));
    thread::sleep(CUT);
    working.iter().for_each(|seller| seller.signal(Signal::CONT));
    thread::sleep(CUT);
    let survived =
        database.number("SELECT count(*) FROM attempts WHERE released_at IS NULL AND epoch = 1")?;
    let mut spare: Vec<Seller> = group("b");

    let (mut seen, mut restarted, mut work) = (Samples::default(), Samples::default(), Samples::default());
    let mut jobs = Some(jobs);
    for round in 0..lab.sizes.deaths {
        lab.say(&format!("deaths, round {}", round + 1));
        let dying = match jobs.take() {
            Some(jobs) => jobs,
            None => {
                let jobs = start(&platform, &buyer, &database, count)?;
                for seller in &mut spare {
                    // one after the other: each is benchmarked, and they share one machine
                    seller.run();
                    seller.available();
                }
                jobs
            }
        };
        // deaths meet every phase between two checkpoints
        let phase = f64::from(u32::try_from(round)?) / f64::from(u32::try_from(lab.sizes.deaths)?);
        thread::sleep(Duration::from_secs(CHECKPOINT).mul_f64(phase));
        let deaths = deaths(&mut working, &database)?;
        for (job, died) in deaths {
            let (released, started) = restart(&database, &job)?;
            seen.push(span(died, released));
            restarted.push(span(died, started));
        }
        for job in &dying {
            buyer.ok(&["cancel", job]);
            buyer.reaches(job, &["completed", "refunded"]);
            work.push(again(&buyer, job)?);
        }
        std::mem::swap(&mut working, &mut spare);
    }
    Ok(Lost {
        seen: seen.latency()?,
        restarted: restarted.latency()?,
        work: work.latency()?,
        checkpoint_seconds: CHECKPOINT,
        cut: count,
        survived: usize::try_from(survived)?,
    })
}

/// Has as many jobs run as there are nodes, until each has a checkpoint.
fn start(platform: &Platform, buyer: &Buyer, database: &Database, count: usize) -> Result<Vec<String>> {
    let folder = jobs::script(platform, "count", jobs::COUNT);
    let pause = format!("PAUSE={STEP}");
    let more = ["--image", "python", "--env", "UNTIL=2000", "--env", &pause, "--memory", "0.25"];
    let jobs: Vec<String> = (0..count).map(|_| buyer.submit(&folder, &more)).collect();
    wait("checkpoints", || {
        let kept = database.number(
            "SELECT count(DISTINCT a.id) FROM attempts a JOIN checkpoints c ON c.attempt_id = a.id
             WHERE a.released_at IS NULL",
        )?;
        Ok((usize::try_from(kept)? >= count).then_some(()))
    })?;
    Ok(jobs)
}

/// Kills the nodes one after the other; tells which job was where, and when.
fn deaths(working: &mut [Seller], database: &Database) -> Result<Vec<(String, i64)>> {
    let mut deaths = Vec::new();
    for seller in working {
        let status = seller.json(&["status"]);
        let node =
            status.pointer("/server/node").and_then(serde_json::Value::as_str).context("no node's id")?;
        let node = node.trim_start_matches("nod_");
        let job = database
            .ask(&format!("SELECT job_id FROM attempts WHERE node_id = '{node}' AND released_at IS NULL"))?;
        let job = job.into_iter().flatten().next().context("a node without work")?;
        let died = now_ms();
        seller.kill();
        deaths.push((job, died));
        thread::sleep(APART);
    }
    Ok(deaths)
}

/// Waits until a job runs again; tells when its first node was given up, and when the second started.
fn restart(database: &Database, job: &str) -> Result<(i64, i64)> {
    wait("a restart", || {
        let rows = database.ask(&format!(
            "SELECT a.released_at, m.started_at FROM attempts a
             JOIN attempts b ON b.job_id = a.job_id AND b.epoch = 2 JOIN meters m ON m.attempt_id = b.id
             WHERE a.job_id = '{job}' AND a.epoch = 1"
        ))?;
        let Some(row) = rows.first() else { return Ok(None) };
        let times: Vec<i64> = row.iter().filter_map(|field| field.parse().ok()).collect();
        let [released, started] = times[..] else { return Ok(None) };
        Ok(Some((released, started)))
    })
}

/// What a job did twice, by its own words.
fn again(buyer: &Buyer, job: &str) -> Result<Duration> {
    let shown = buyer.run(&["watch", job]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let (mut newest, mut from) = (0_u32, 0);
    for line in shown.lines() {
        if let Some(number) = line.strip_prefix("goes on from ").and_then(|number| number.parse().ok()) {
            from = number;
            if number > 0 {
                break;
            }
        } else if let Some(number) = line.strip_prefix("count ").and_then(|number| number.parse().ok()) {
            newest = number;
        }
    }
    Ok(Duration::from_secs_f64(f64::from(newest.saturating_sub(from)) * STEP.parse::<f64>()?))
}

pub(super) fn wait<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(LOOK);
    }
}
