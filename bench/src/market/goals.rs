//! What was asked for, what is our goal, what was found, a row each.

use super::{
    Results,
    measure::{Chain, FirstLine, Lost, Placements, Scale, Screen, Start, Success},
};
use crate::samples::{Latency, number, shown};

/// A row of the table.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) asked: &'static str,
    pub(super) goal: &'static str,
    pub(super) measured: String,
    /// Whether the goal is met; none where there is none.
    pub(super) met: Option<bool>,
    pub(super) load: String,
}

/// Makes the rows of what was measured.
pub(super) fn rows(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(measured) = &results.first_line {
        first_line(measured, &mut rows);
    }
    if let Some(measured) = &results.lost {
        lost(measured, &mut rows);
    }
    if let Some(measured) = &results.screen {
        screen(measured, &mut rows);
    }
    if let Some(measured) = &results.scale {
        scale(measured, &mut rows);
    }
    if let Some(measured) = &results.placements {
        placements(measured, &mut rows);
    }
    if let Some(measured) = &results.success {
        success(measured, &mut rows);
    }
    if let Some(measured) = &results.settlements {
        rows.push(Row {
            what: "settlement accuracy",
            asked: "100 %",
            goal: "10^6 random jobs, zero unit error",
            measured: format!(
                "{} wrong of {} in {} s",
                measured.wrong,
                measured.jobs,
                number(measured.seconds)
            ),
            met: Some(measured.wrong == 0),
            load: "the market's rules and the escrow's, no I/O".to_owned(),
        });
    }
    if let Some(measured) = &results.chain {
        chain(measured, &mut rows);
    }
    if let Some(measured) = &results.start {
        start(measured, &mut rows);
    }
    rows
}

fn seconds(micros: f64) -> f64 {
    micros / 1e6
}

fn first_line(measured: &FirstLine, rows: &mut Vec<Row>) {
    let load = format!("{} jobs, one after the other; blocks of 400 ms", measured.first.samples);
    rows.push(Row {
        what: "submit → first log line, warm image",
        asked: "< 10 min overhead",
        goal: "P50 ≤ 2 s",
        measured: measured.first.shown_95(),
        met: Some(seconds(measured.first.p50_us) <= 2.0),
        load: load.clone(),
    });
    let (docker, limit) = match &measured.docker {
        Some(docker) => {
            (format!("; `docker run` {}", docker.shown_95()), Some(1.3 * seconds(docker.p50_us) + 1.0))
        }
        None => ("; no `docker` here".to_owned(), None),
    };
    rows.push(Row {
        what: "submit → last log line, beside a bare `docker run`",
        asked: "–",
        goal: "P50 ≤ 1.3 × `docker run` + 1 s",
        measured: format!("{}{docker}", measured.last.shown_95()),
        met: limit.map(|limit| seconds(measured.last.p50_us) <= limit),
        load: load.clone(),
    });
    rows.push(plain(
        "submit → settled, command ended",
        &measured.settled,
        &format!("{load}; dispute window 1 s"),
    ));
}

/// A time without a goal.
fn plain(what: &'static str, measured: &Latency, load: &str) -> Row {
    Row { what, asked: "–", goal: "–", measured: measured.shown_95(), met: None, load: load.to_owned() }
}

fn lost(measured: &Lost, rows: &mut Vec<Row>) {
    let load = format!("{} deaths by SIGKILL, {} at a time 1.3 s apart", measured.seen.samples, measured.cut);
    rows.push(Row {
        what: "node lost → seen",
        asked: "–",
        goal: "≤ 20 s",
        measured: measured.seen.shown_95(),
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
    let (most, every) = (seconds(measured.work.max_us), measured.checkpoint_seconds);
    rows.push(Row {
        what: "work done again",
        asked: "–",
        goal: "≤ 60 s since the last complete checkpoint",
        measured: format!("{}, at most {} s", measured.work.shown_95(), number(most)),
        met: Some(most <= 60.0),
        load: format!("{load}; a checkpoint uploaded every {every} s"),
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

fn screen(measured: &Screen, rows: &mut Vec<Row>) {
    rows.push(Row {
        what: "log line → buyer's screen",
        asked: "real time",
        goal: "P95 ≤ 300 ms, none lost",
        measured: format!("{}, {} of {} lost", measured.line.shown_95(), measured.lost, measured.written),
        met: Some(seconds(measured.line.p95_us) <= 0.3 && measured.lost == 0),
        load: "ten lines a second".to_owned(),
    });
    let restart = &measured.restart;
    let attempts: Vec<String> = restart.attempts.iter().map(usize::to_string).collect();
    rows.push(Row {
        what: "log lines over a node's restart",
        asked: "–",
        goal: "none lost",
        measured: format!(
            "{} lost, {} twice; lines of the attempts: {}",
            restart.lost,
            restart.twice,
            attempts.join(", ")
        ),
        met: Some(restart.lost == 0 && restart.twice == 0),
        load: "SIGTERM, then a new agent".to_owned(),
    });
}

fn scale(measured: &Scale, rows: &mut Vec<Row>) {
    let beating = &measured.beating;
    let missed = beating.missed as f64 / (beating.beats as f64).max(1.0);
    rows.push(Row {
        what: "nodes a server",
        asked: "–",
        goal: "10,000 beating, < 0.1 % of beats missed",
        measured: format!(
            "{} streams, {} broke; {} of {} beats missed ({:.3} %), at most {} nodes suspect",
            beating.open,
            beating.ended,
            beating.missed,
            beating.beats,
            100.0 * missed,
            measured.suspect
        ),
        met: Some(beating.open >= 10_000 && missed < 0.001),
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

fn placements(measured: &Placements, rows: &mut Vec<Row>) {
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

fn success(measured: &Success, rows: &mut Vec<Row>) {
    let share = 100.0 * measured.completed as f64 / (measured.jobs as f64).max(1.0);
    rows.push(Row {
        what: "job success",
        asked: "> 95 %",
        goal: "≥ 99.9 % under injected node loss",
        measured: format!("{} of {} ({share:.2} %)", measured.completed, measured.jobs),
        // without a loss the row shows nothing
        met: (measured.attempts_lost > 0).then_some(share >= 99.9),
        load: format!(
            "{} kills of 4 nodes in {:.0} s, {} attempts lost by them",
            measured.deaths, measured.seconds, measured.attempts_lost
        ),
    });
}

fn chain(measured: &Chain, rows: &mut Vec<Row>) {
    for job in &measured.jobs {
        let most = job.units.iter().max().copied().unwrap_or(0);
        let units: Vec<String> = job.units.iter().map(u64::to_string).collect();
        rows.push(Row {
            what: if job.coin == "USDC" { "chain cost, USDC" } else { "chain cost, SOL" },
            asked: "–",
            goal: "≤ 3 signatures, ≤ 0.004 SOL locked and returned, ≤ 20k CU an instruction",
            measured: format!(
                "{} signatures, {:.6} SOL locked, {} lamports kept (of a first job {}, in accounts that its payees keep); \
                 CU {}",
                job.signatures,
                job.locked as f64 / 1e9,
                job.kept,
                job.kept_first,
                units.join(" / ")
            ),
            met: Some(job.signatures <= 3 && job.locked <= 4_000_000 && job.kept == 0 && most <= 20_000),
            load: "a real job on the local chain".to_owned(),
        });
    }
}

fn start(measured: &Start, rows: &mut Vec<Row>) {
    let row = |what, asked, goal, measured: &Latency, limit: f64| Row {
        what,
        asked,
        goal,
        measured: shown(&[measured.p50_us, measured.max_us]) + " (P50 / most)",
        met: Some(seconds(measured.max_us) <= limit),
        load: format!("{} times, as fast as a machine types", measured.samples),
    };
    rows.push(row("sign-up → first job's first line", "< 15 min", "≤ 2 min", &measured.sign_up, 120.0));
    rows.push(row("submitting", "< 5 min", "≤ 1 min", &measured.submit, 60.0));
    rows.push(row(
        "node install → available",
        "< 30 min",
        "≤ 2 min (image pull aside)",
        &measured.node,
        120.0,
    ));
}
