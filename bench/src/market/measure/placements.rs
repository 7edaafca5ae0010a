use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use e2e::market::{Platform, jobs};
use serde::Serialize;

use crate::machine::{descendants, processor_seconds};
use crate::market::{
    database::Database,
    fleet::Fleet,
    lab::{Lab, now_ms, span},
};
use crate::samples::{Latency, Samples};

/// Events of a job that waits: it was funded, it was queued.
const EVENTS: u32 = 2;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Jobs that wait all at once, given to the nodes of a fleet.
#[derive(Serialize)]
pub(crate) struct Placements {
    pub(crate) jobs: usize,
    pub(crate) nodes: usize,
    /// All queued → every one has its node, in the tables.
    pub(crate) placed_seconds: f64,
    /// → every node has its assignment.
    pub(crate) told_seconds: f64,
    /// → every node has taken it.
    pub(crate) taken_seconds: f64,
    pub(crate) per_second: f64,
    pub(crate) told_per_second: f64,
    pub(crate) taken_per_second: f64,
    /// Queued → at the node, a job.
    pub(crate) told: Latency,
    /// Processors that were busy until all were taken.
    pub(crate) server_cpu: f64,
    pub(crate) database_cpu: f64,
}

pub(super) fn placements(
    lab: &Lab,
    platform: &Platform,
    database: &Database,
    fleet: &Fleet,
) -> Result<Placements> {
    let jobs = lab.sizes.placed;
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::script(platform, "sum", jobs::SUM);
    // one that is real, escrow and files included; the others are made of its rows
    let template = buyer.submit(&folder, &["--image", "python", "--cpus", "1", "--memory", "0.5"]);
    buyer.reaches(&template, &["preparing"]);
    // what the copies would send to the chain finds no escrow there: it is written, and struck out
    database.ask(
        "CREATE FUNCTION struck() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.state := 'moot'; RETURN NEW; END $$;
         CREATE TRIGGER struck BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.kind = 'assign')
            EXECUTE FUNCTION struck()",
    )?;
    let before = fleet.tally.assigned().len();
    let (own, processes) = ([platform.server.id()], descendants(platform.server.id()));
    let cpu = || [processor_seconds(&own), processor_seconds(&processes)];
    database.ask(&copies(&template, jobs))?;
    let (queued, began, used) = (now_ms(), Instant::now(), cpu());
    database.ask("SELECT pg_notify('cyx_queue', '')")?;

    let left = |state: &str| format!("SELECT count(*) FROM jobs WHERE state = '{state}'");
    let until_none = |state: &str| -> Result<f64> {
        while database.number(&left(state))? > 0 {
            anyhow::ensure!(began.elapsed() < PATIENCE, "jobs are still {state}");
            thread::sleep(LOOK);
        }
        Ok(began.elapsed().as_secs_f64())
    };
    let placed_seconds = until_none("queued")?;
    let taken_seconds = until_none("assigned")?;
    let [server, postgres] = cpu();
    let [server_before, postgres_before] = used;
    let mut told = Samples::default();
    let mut last = queued;
    for at in fleet.tally.assigned().into_iter().skip(before) {
        told.push(span(queued, at));
        last = last.max(at);
    }
    let told_seconds = span(queued, last).as_secs_f64();
    let rate = |seconds: f64| jobs as f64 / seconds;
    Ok(Placements {
        jobs,
        nodes: lab.sizes.nodes,
        placed_seconds,
        told_seconds,
        taken_seconds,
        per_second: rate(placed_seconds),
        told_per_second: rate(told_seconds),
        taken_per_second: rate(taken_seconds),
        told: told.latency().context("no node was told anything")?,
        server_cpu: (server - server_before) / taken_seconds,
        database_cpu: (postgres - postgres_before) / taken_seconds,
    })
}

/// Copies of a job as it was when it came into the queue: its rows, files and first events.
fn copies(template: &str, jobs: usize) -> String {
    let id = template.trim_start_matches("job_");
    format!(
        "BEGIN;
         CREATE TEMP TABLE copy ON COMMIT DROP AS
            SELECT j.*, n FROM jobs j, generate_series(1, {jobs}) AS n WHERE j.id = '{id}';
         UPDATE copy SET id = gen_random_uuid(), idempotency_key = 'copy ' || n, state = 'queued', epoch = 0,
            attempts_used = 0, attempt_id = NULL,
            state_at = extract(epoch FROM clock_timestamp()) * 1000,
            queued_at = extract(epoch FROM clock_timestamp()) * 1000;
         ALTER TABLE copy DROP COLUMN n;
         INSERT INTO jobs SELECT * FROM copy;
         INSERT INTO job_inputs SELECT c.id, i.path, i.size, i.sha256 FROM copy c, job_inputs i WHERE i.job_id = '{id}';
         CREATE TEMP TABLE file ON COMMIT DROP AS
            SELECT f.*, c.id AS copy, f.id AS original FROM copy c, files f WHERE f.job_id = '{id}';
         UPDATE file SET id = gen_random_uuid(), job_id = copy;
         CREATE TEMP TABLE part ON COMMIT DROP AS
            SELECT f.id, p.start, p.size, p.object FROM file f JOIN file_parts p ON p.file_id = f.original;
         ALTER TABLE file DROP COLUMN copy, DROP COLUMN original;
         INSERT INTO files SELECT * FROM file;
         INSERT INTO file_parts SELECT * FROM part;
         INSERT INTO job_seq (job_id, seq) SELECT id, {EVENTS} FROM copy;
         INSERT INTO job_events
            SELECT c.id, e.seq, e.event FROM copy c, job_events e WHERE e.job_id = '{id}' AND e.seq <= {EVENTS};
         COMMIT"
    )
}
