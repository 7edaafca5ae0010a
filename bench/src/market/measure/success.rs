use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use cyxwiz_model::{Amount, BasisPoints, Coin, HourlyRate, Span, Split, charge};
use e2e::market::{Buyer, Closed, Platform, Postgres, Seller, Setup, jobs};
use serde::Serialize;

use crate::market::{database::Database, lab::Lab};

/// Nodes, and buyers that submit beside each other.
const SELLERS: usize = 4;
const BUYERS: usize = 2;
/// Milliseconds between two blocks: what is measured here is not the chain's time.
const SLOT_MS: u64 = 100;
/// Between two deaths, milliseconds: from, and up to so much more.
const DEATH: (u64, u64) = (4_000, 8_000);
/// How long a dead node stays away: back in time it takes up what it had.
const AWAY: Duration = Duration::from_secs(2);
/// How long every so manieth does, longer than it takes to be lost: its job goes to another.
const GONE: Duration = Duration::from_secs(25);
const GONE_EVERY: usize = 4;
/// How long it may take until the next job ends.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(500);

const SCRIPT: &str = "import time\nprint('works')\ntime.sleep(1.5)\nprint('done')\n";

/// Short jobs while nodes are killed and come back.
#[derive(Serialize)]
pub(crate) struct Success {
    pub(crate) jobs: usize,
    pub(crate) completed: usize,
    pub(crate) seconds: f64,
    /// Nodes that were killed.
    pub(crate) deaths: usize,
    /// Attempts that ended with their node.
    pub(crate) attempts_lost: i64,
    /// Submits that were refused, and tried again.
    pub(crate) refused: usize,
    /// How jobs ended that were not completed.
    pub(crate) others: Vec<String>,
    /// Escrows that were opened for them, and those of them that the chain closed otherwise than their meters say.
    pub(crate) escrows: usize,
    pub(crate) unlike: Vec<String>,
}

pub(crate) fn success(lab: &Lab) -> Result<Success> {
    let settings = ["--dispute-window-seconds=1", "--calls-per-address=100000", "--calls-per-account=100000"];
    let platform = Platform::set_up(&Setup {
        slot_ms: SLOT_MS,
        settings: &settings,
        variables: &[],
        database: Postgres::Own,
    });
    let database = Database::of(&platform.server);
    let sellers: Vec<Mutex<Seller>> =
        (0..SELLERS).map(|number| Mutex::new(platform.seller(&format!("seller-{number}")))).collect();
    platform.buyer().ok(&["wallet", "deposit", "50", "USDC"]);
    let folder = jobs::script(&platform, "short", SCRIPT);
    let (over, submitted, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let deaths = thread::scope(|scope| -> Result<usize> {
        let killer = scope.spawn(|| kill(&sellers, &over));
        let buyers: Vec<_> = (0..BUYERS)
            .map(|number| {
                let (platform, folder) = (&platform, &folder);
                let (submitted, refused, jobs) = (&submitted, &refused, lab.sizes.jobs);
                scope.spawn(move || buy(platform, number, folder, jobs, submitted, refused))
            })
            .collect();
        buyers.into_iter().for_each(|buyer| drop(buyer.join()));
        let ended = until_all_ended(&database);
        over.store(true, Ordering::Release);
        let deaths = killer.join().unwrap_or(0);
        ended.map(|()| deaths)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let states =
        database.ask("SELECT state, coalesce(ending_reason, ''), coalesce(ending_message, '') FROM jobs")?;
    let (escrows, unlike) = books(&platform, &database)?;
    let is_completed = |row: &&Vec<String>| row.first().is_some_and(|state| state == "completed");
    Ok(Success {
        jobs: states.len(),
        completed: states.iter().filter(is_completed).count(),
        seconds,
        deaths,
        attempts_lost: database.number("SELECT count(*) FROM attempts WHERE ending_reason = 'node_lost'")?,
        refused: refused.load(Ordering::Acquire),
        others: states.iter().filter(|row| !is_completed(row)).map(|row| row.join(": ")).collect(),
        escrows,
        unlike,
    })
}

/// Compares how the chain closed each escrow with what the meter of its last attempt says, to the unit.
fn books(platform: &Platform, database: &Database) -> Result<(usize, Vec<String>)> {
    let rows = database.ask(
        "SELECT replace(j.id::text, '-', ''), j.state = 'completed', j.deposit, j.rate, j.fee_bps,
            coalesce(m.counted_ms, 0)
         FROM jobs j LEFT JOIN attempts a ON a.job_id = j.id AND a.epoch = j.epoch
            LEFT JOIN meters m ON m.attempt_id = a.id
         WHERE j.open_signature IS NOT NULL",
    )?;
    let mut unlike = Vec::new();
    for row in &rows {
        let [id, paid, numbers @ ..] = &row[..] else { anyhow::bail!("a row of too few fields") };
        let numbers: Vec<u64> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
        let [deposit, rate, fee, counted] = numbers[..] else { anyhow::bail!("a row of too few numbers") };
        let metered = match paid.as_str() {
            "t" => paid_of(Amount(deposit), rate, u16::try_from(fee)?, Span(counted))?,
            _ => Closed::GivenBack(deposit),
        };
        let closed = platform.closings(&format!("job_{id}"));
        if closed != [metered] {
            unlike.push(format!("{id}: the meter says {metered:?}, the chain {closed:?}"));
        }
    }
    Ok((rows.len(), unlike))
}

/// What a deposit comes to after so much counted time.
fn paid_of(deposit: Amount, base_units: u64, fee: u16, counted: Span) -> Result<Closed> {
    let rate = HourlyRate { coin: Coin::Usdc, base_units };
    let charged = charge(rate, counted).min(deposit);
    let split = Split::of(deposit, charged, BasisPoints(fee)).ok().context("no such split")?;
    Ok(Closed::Paid { node: split.node.0, platform: split.platform.0, refund: split.refund.0 })
}

/// Submits until there are enough, in the name of the one wallet, from a home of its own.
fn buy(
    platform: &Platform,
    number: usize,
    folder: &Path,
    jobs: usize,
    submitted: &AtomicUsize,
    refused: &AtomicUsize,
) {
    let buyer = Buyer::new(platform, platform.folder(&format!("home-{number}")), platform.wallet("buyer"));
    buyer.ok(&["login"]);
    let path = folder.to_string_lossy();
    while submitted.fetch_add(1, Ordering::AcqRel) < jobs {
        let args =
            ["submit", &path, "--yes", "--detach", "--disk", "1", "--image", "python", "--memory", "0.25"];
        while !buyer.run(&args).status.success() {
            refused.fetch_add(1, Ordering::AcqRel);
            thread::sleep(LOOK);
        }
    }
}

/// Kills a node at random now and then, and starts it again; tells how often.
fn kill(sellers: &[Mutex<Seller>], over: &AtomicBool) -> usize {
    let (mut chance, mut deaths) = (0x2545_f491_4f6c_dd1d_u64, 0);
    let mut below = |most: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % most
    };
    loop {
        let next = Instant::now() + Duration::from_millis(DEATH.0 + below(DEATH.1));
        while Instant::now() < next {
            if over.load(Ordering::Acquire) {
                return deaths;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let which = usize::try_from(below(sellers.len() as u64)).unwrap_or(0);
        let Some(seller) = sellers.get(which) else { continue };
        let mut seller = seller.lock().unwrap_or_else(PoisonError::into_inner);
        seller.kill();
        deaths += 1;
        thread::sleep(if deaths.is_multiple_of(GONE_EVERY) { GONE } else { AWAY });
        seller.run();
    }
}

fn until_all_ended(database: &Database) -> Result<()> {
    let open = "SELECT count(*) FROM jobs WHERE state NOT IN ('completed', 'refunded', 'cancelled')";
    let (mut fewest, mut since) = (i64::MAX, Instant::now());
    loop {
        let left = database.number(open)?;
        if left == 0 {
            return Ok(());
        }
        if left < fewest {
            (fewest, since) = (left, Instant::now());
        }
        anyhow::ensure!(since.elapsed() < PATIENCE, "{left} jobs do not end");
        thread::sleep(LOOK);
    }
}
