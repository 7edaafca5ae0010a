//! What buyers wait for.

use super::{Row, plain, seconds};
use crate::market::measure::{FirstLine, Screen, Start};
use crate::samples::{Latency, number, shown};

pub(super) fn first_line(measured: &FirstLine, rows: &mut Vec<Row>) {
    let load = format!("{} jobs, one after the other; blocks of 400 ms", measured.first.samples);
    rows.push(Row {
        what: "submit → first log line, warm image",
        asked: "< 10 min overhead",
        goal: "P50 ≤ 2 s",
        measured: measured.first.shown_95(),
        met: Some(seconds(measured.first.p50_us) <= 2.0),
        load: load.clone(),
    });
    let bare = format!("{load}, in turn with `docker run --rm --network=none` of the same image and script");
    let docker = measured.docker.as_ref();
    rows.push(beside(
        "submit → last log line, beside a bare `docker run`",
        &measured.last,
        docker.map(|docker| &docker.last),
        &bare,
    ));
    rows.push(beside(
        "submit → run ended, outputs at the server, beside the end of a bare `docker run`",
        &measured.over,
        docker.map(|docker| &docker.ended),
        &format!("{bare}; the job's container is locked down, bounded and judged, the bare one is not"),
    ));
    rows.push(plain(
        "submit → settled, command ended",
        &measured.settled,
        &format!("{load}; dispute window 1 s"),
    ));
}

/// A time of ours beside the same of `docker run`: the goal for all that is not the script.
fn beside(what: &'static str, ours: &Latency, docker: Option<&Latency>, load: &str) -> Row {
    let bare = docker.map_or_else(|| "no `docker` here".to_owned(), |docker| docker.shown_95());
    let limit = docker.map(|docker| 1.3 * seconds(docker.p50_us) + 1.0);
    Row {
        what,
        asked: "–",
        goal: "P50 ≤ 1.3 × `docker run` + 1 s",
        measured: format!("{}; `docker run` {bare}", ours.shown_95()),
        met: limit.map(|limit| seconds(ours.p50_us) <= limit),
        load: load.to_owned(),
    }
}

pub(super) fn screen(measured: &Screen, rows: &mut Vec<Row>) {
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

pub(super) fn start(measured: &Start, rows: &mut Vec<Row>) {
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
        "download → earning: `install` → available",
        "< 30 min",
        "≤ 2 min (image pull aside)",
        &measured.node,
        120.0,
    ));
    rows.push(price(measured));
}

fn price(measured: &Start) -> Row {
    Row {
        what: "price against a cloud",
        asked: "50 % below",
        goal: "shown in every estimate",
        measured: format!(
            "shown in {} of {} estimates; the seller of this bench asks {} $/h, {} costs {} $/h",
            measured.compared,
            measured.estimates,
            number(measured.price as f64 / 1e6),
            measured.cloud_offer,
            number(measured.cloud as f64 / 1e6)
        ),
        met: Some(measured.compared == measured.estimates),
        load: "prices are the sellers'; the cloud's are list prices of 2024-06".to_owned(),
    }
}
