//! Nodes: many at a server, lost ones, new ones, and what they earn.

use cyxwiz_model::CHECKPOINT_EVERY;

use super::{Row, plain, seconds};
use crate::market::measure::{Earnings, Install, Installs, Lost, Placements, Scale};
use crate::samples::number;

/// Nodes that one server is to hold.
const NODES: usize = 10_000;

pub(super) fn lost(measured: &Lost, rows: &mut Vec<Row>) {
    let load = format!("{} deaths by SIGKILL, {} at a time 1.3 s apart", measured.seen.samples, measured.cut);
    rows.push(Row {
        what: "node lost → seen",
        asked: "–",
        goal: "≤ 20 s",
        measured: format!(
            "{}, at most {} s",
            measured.seen.shown_95(),
            number(seconds(measured.seen.max_us))
        ),
        met: Some(seconds(measured.seen.max_us) <= 20.0),
        load: load.clone(),
    });
    rows.push(Row {
        what: "node lost → runs elsewhere",
        asked: "–",
        goal: "P95 ≤ 30 s",
        measured: measured.restarted.shown_95(),
        met: Some(seconds(measured.restarted.p95_us) <= 30.0),
        load: load.clone(),
    });
    let usual = CHECKPOINT_EVERY.duration().as_secs_f64();
    let (most, every) = (seconds(measured.work.max_us), measured.checkpoint_seconds);
    rows.push(Row {
        what: "work done again",
        asked: "–",
        goal: "≤ 60 s since the last complete checkpoint",
        measured: format!("{}, at most {} s", measured.work.shown_95(), number(most)),
        // as it would be with as often as servers have it kept
        met: Some(most - every as f64 + usual <= 60.0),
        load: format!(
            "{load}, in every phase; a checkpoint every {every} s (judged as if every {usual} s, as usual)"
        ),
    });
    rows.push(Row {
        what: "a cut of 15 s",
        asked: "–",
        goal: "kills nothing",
        measured: format!("{} of {} jobs went on", measured.survived, measured.cut),
        met: Some(measured.survived == measured.cut),
        load: "all agents stopped at once (SIGSTOP)".to_owned(),
    });
}

pub(super) fn scale(measured: &Scale, rows: &mut Vec<Row>) {
    let beating = &measured.beating;
    let missed = beating.missed as f64 / (beating.beats as f64).max(1.0);
    rows.push(Row {
        what: "nodes a server",
        asked: "–",
        goal: "10,000 beating, < 0.1 % of beats missed",
        measured: format!(
            "{} streams, {} broke; {} of {} beats ({:.0} due) missed ({:.3} %), at most {} nodes suspect",
            beating.open,
            beating.ended,
            beating.missed,
            beating.beats,
            measured.due,
            100.0 * missed,
            measured.suspect
        ),
        // of fewer it shows nothing
        met: (measured.nodes >= NODES).then_some(beating.open >= NODES as u64 && missed < 0.001),
        load: format!(
            "a beat every {} s, counted for {:.0} s",
            cyxwiz_model::BEAT_EVERY.duration().as_secs(),
            measured.seconds
        ),
    });
    rows.push(plain("beat → answer", &beating.answer, "the same"));
    rows.push(Row {
        what: "what that costs",
        asked: "–",
        goal: "–",
        measured: format!(
            "server {:.2} processors, {} (idle {}); database {:.2} processors",
            measured.server_cpu,
            measured.server_memory.shown(),
            measured.server_memory_idle.shown(),
            measured.database_cpu
        ),
        met: None,
        load: format!(
            "the fleet itself {:.2} processors, {}",
            measured.client_cpu,
            measured.client_memory.shown()
        ),
    });
    let rate = |seconds: f64| measured.nodes as f64 / seconds;
    rows.push(Row {
        what: "sign-in and enrolment; streams",
        asked: "–",
        goal: "–",
        measured: format!(
            "{:.1} s ({:.0} /s); {:.1} s ({:.0} /s)",
            measured.enrol_seconds,
            rate(measured.enrol_seconds),
            measured.attend_seconds,
            rate(measured.attend_seconds)
        ),
        met: None,
        load: format!("64 at once; {} benchmarked, the others confirmed in the table", measured.benchmarked),
    });
}

pub(super) fn placements(measured: &Placements, rows: &mut Vec<Row>) {
    let load = format!(
        "{} jobs at once on {} nodes; server {:.2}, database {:.2} processors; nothing sent to the chain",
        measured.jobs, measured.nodes, measured.server_cpu, measured.database_cpu
    );
    rows.push(Row {
        what: "placements a second",
        asked: "–",
        goal: "≥ 500 /s, taken by their nodes",
        measured: format!(
            "{:.0} placed, {:.0} told to their nodes, {:.0} taken by them",
            measured.per_second, measured.told_per_second, measured.taken_per_second
        ),
        met: Some(measured.taken_per_second >= 500.0),
        load: load.clone(),
    });
    rows.push(plain("queued → at the node, of that heap", &measured.told, &load));
}

pub(super) fn installs(measured: &Installs) -> Row {
    let shown: Vec<String> = measured.tried.iter().map(Install::shown).collect();
    let good = measured.tried.iter().filter(|install| install.failed.is_none()).count();
    Row {
        what: "node installs that succeed",
        asked: "> 90 %",
        goal: "100 % of a matrix of distributions",
        measured: format!("{good} of {}: {}", measured.tried.len(), shown.join(", ")),
        met: Some(good == measured.tried.len()),
        load: "`install` and a paid job in the essential packages' file tree of each, on this machine's kernel and engine; \
               no systemd in it; Debian's releases alone"
            .to_owned(),
    }
}

pub(super) fn earnings(measured: &Earnings) -> Row {
    let off = measured.settled as f64 / measured.projected.max(1.0) - 1.0;
    Row {
        what: "earnings against projection",
        asked: "within 20 %",
        goal: "within 1 %; node, server and chain the same to the unit",
        measured: format!(
            "{} lamports settled, {:.0} projected ({:+.2} %); `cyxwiz-node earnings` {}, server {}",
            measured.settled,
            measured.projected,
            100.0 * off,
            measured.told,
            measured.booked
        ),
        met: Some(
            off.abs() <= 0.01 && measured.told == measured.settled && measured.booked == measured.settled,
        ),
        load: format!(
            "{} jobs of {} s by their own clock; projected: the node's price × that time × 90 %",
            measured.jobs, measured.seconds
        ),
    }
}
