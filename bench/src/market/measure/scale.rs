use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use cyxwiz_model::BEAT_EVERY;
use serde::Serialize;

use super::placements::{self, Placements};
use crate::machine::{Memory, descendants, processor_seconds};
use crate::market::{
    database::Database,
    fleet::{Beating, Fleet},
    lab::Lab,
    options::Part,
};

/// Between the last welcome and the first beat that counts: whoever came last has beaten twice.
const SETTLE: Duration = Duration::from_secs(10);
/// Time between two looks at the tables.
const LOOK: Duration = Duration::from_secs(1);

/// Thousands of nodes at one server.
#[derive(Serialize)]
pub(crate) struct Scale {
    pub(crate) nodes: usize,
    /// Of them, those that computed the benchmark; the others were confirmed in the table.
    pub(crate) benchmarked: usize,
    /// Sign-in and enrolment of all.
    pub(crate) enrol_seconds: f64,
    /// Streams of all, each with its welcome.
    pub(crate) attend_seconds: f64,
    /// Seconds in which beats were counted.
    pub(crate) seconds: f64,
    /// Beats that were due in them.
    pub(crate) due: f64,
    pub(crate) beating: Beating,
    /// The most nodes that the server held for suspect at a look, each second.
    pub(crate) suspect: i64,
    /// Processors that were busy with it: 1 is one of them.
    pub(crate) server_cpu: f64,
    pub(crate) database_cpu: f64,
    pub(crate) client_cpu: f64,
    pub(crate) server_memory: Memory,
    /// Of the server before the first node came.
    pub(crate) server_memory_idle: Memory,
    pub(crate) client_memory: Memory,
}

pub(crate) fn scale(lab: &Lab) -> Result<(Scale, Option<Placements>)> {
    let nodes = lab.sizes.nodes;
    // they all come from one address here
    let platform = lab.platform(&["--calls-per-address=1000000", "--database-connections=16"]);
    let (server, database) = (&platform.server, Database::of(&platform.server));
    let payee = platform.address("seller");
    let server_memory_idle = Memory::of(server.id());

    let began = Instant::now();
    let mut fleet = Fleet::enrol(&server.url, &payee, nodes, lab.sizes.benchmarked)?;
    let enrol_seconds = began.elapsed().as_secs_f64();
    lab.say(&format!("{nodes} nodes enrolled in {enrol_seconds:.1} s"));
    // a node that owes an answer gets no work
    database.ask(
        "DELETE FROM benchmarks WHERE passed IS NULL;
         UPDATE node_offers SET confirmed = hardware, confirmed_at = enrolled_at WHERE confirmed IS NULL",
    )?;
    let began = Instant::now();
    fleet.attend()?;
    let attend_seconds = began.elapsed().as_secs_f64();
    lab.say(&format!("{nodes} streams in {attend_seconds:.1} s"));
    thread::sleep(SETTLE);

    let processes = descendants(server.id());
    let (own, us) = ([server.id()], [std::process::id()]);
    let cpu = || [&own[..], &processes[..], &us[..]].map(processor_seconds);
    let (began, before) = (Instant::now(), cpu());
    fleet.tally.count(true);
    let mut suspect = 0;
    while began.elapsed() < Duration::from_secs(lab.sizes.beating) {
        thread::sleep(LOOK);
        suspect = suspect.max(database.number(
            "SELECT count(*) FROM node_beats WHERE last_beat < extract(epoch FROM clock_timestamp()) * 1000 - 10000",
        )?);
    }
    fleet.tally.count(false);
    let (seconds, after) = (began.elapsed().as_secs_f64(), cpu());
    let share = |of: usize| (after.get(of).unwrap_or(&0.0) - before.get(of).unwrap_or(&0.0)) / seconds;
    let scale = Scale {
        nodes,
        benchmarked: lab.sizes.benchmarked,
        enrol_seconds,
        attend_seconds,
        seconds,
        due: nodes as f64 * seconds / BEAT_EVERY.duration().as_secs_f64(),
        beating: fleet.tally.beating()?,
        suspect,
        server_cpu: share(0),
        database_cpu: share(1),
        client_cpu: share(2),
        server_memory: Memory::of(server.id()),
        server_memory_idle,
        client_memory: Memory::of(std::process::id()),
    };
    let placed = if lab.options.wants(Part::Placements) {
        lab.say("Placements");
        Some(placements::placements(lab, &platform, &database, &fleet)?)
    } else {
        None
    };
    Ok((scale, placed))
}
