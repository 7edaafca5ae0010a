//! What was asked for, and what is our goal, a row each.

use crate::{
    samples::{Latency, number, shown},
    suite::Results,
};

/// A row of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) asked: &'static str,
    pub(crate) goal: &'static str,
    pub(crate) peer: String,
    pub(crate) measured: String,
    pub(crate) ratio: String,
}

/// Makes the rows of what was measured.
pub(crate) fn rows(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    starts(results, &mut rows);
    loads(results, &mut rows);
    process(results, &mut rows);
    limits(results, &mut rows);
    rows
}

/// A latency against a peer's, where that one was measured; the ratio is of both percentiles.
fn latency(
    what: &str,
    asked: &'static str,
    goal: &'static str,
    measured: &Latency,
    peer: Option<(&str, &Latency)>,
) -> Row {
    Row {
        what: what.to_owned(),
        asked,
        goal,
        peer: peer.map_or_else(none, |(name, latency)| format!("{name} {}", latency.shown())),
        measured: measured.shown(),
        ratio: peer.map_or_else(none, |(_, peer)| {
            let p50 = number(measured.p50_us / peer.p50_us);
            format!("{p50} × / {} ×", number(measured.p99_us / peer.p99_us))
        }),
    }
}

fn starts(results: &Results, rows: &mut Vec<Row>) {
    let peers = results.peers.as_ref();
    let cli = peers.and_then(|peers| peers.wasmtime_run.as_ref()).map(|run| ("wasmtime run", run));
    let compile = peers.and_then(|peers| peers.wasmtime_compile.as_ref());
    let limit = peers.map(|peers| ("in process", &peers.in_process));
    if let Some(cold) = &results.cold {
        let class = &cold.cold;
        rows.push(latency("cold, durable", "< 100 / < 400 ms", "≤ 1 / ≤ 4 ms", &class.durable, cli));
        rows.push(latency("cold, volatile", "–", "–", &class.volatile, cli));
    }
    if let Some(warm) = &results.warm {
        rows.push(latency("warm, durable", "–", "≤ 0.5 / ≤ 2 ms", &warm.durable, limit));
        rows.push(latency("warm, volatile", "–", "≤ 0.3 / ≤ 1 ms", &warm.volatile, limit));
    }
    if let Some(cold) = &results.cold {
        let compile = compile.map(|compile| ("wasmtime compile", compile));
        let unseen = &cold.unseen;
        rows.push(latency("unseen, 100 kB, durable", "–", "≤ 60 ms", &unseen.durable, compile));
        rows.push(latency("unseen, 100 kB, volatile", "–", "≤ 60 ms", &unseen.volatile, compile));
    }
    if let Some(oci) = &results.oci {
        let runc = peers.and_then(|peers| peers.runc.as_ref()).map(|run| ("runc run", run));
        rows.push(latency("OCI fallback, durable", "–", "–", &oci.latency, runc));
    }
    if let Some(boot) = &results.boot {
        rows.push(latency("boot, durable", "< 30 min", "≤ 50 ms", &boot.durable, cli));
        rows.push(latency("boot, volatile", "–", "≤ 50 ms", &boot.volatile, cli));
    }
}

fn loads(results: &Results, rows: &mut Vec<Row>) {
    let mut push = |what: &str, asked, goal, measured: String, ratio: String| {
        let what = what.to_owned();
        rows.push(Row { what, asked, goal, peer: none(), measured, ratio });
    };
    if let Some(throughput) = &results.throughput {
        let rate = |rate: f64| format!("{rate:.0} /s");
        let of = |rate: f64, goal: f64| format!("{} × goal", number(rate / goal));
        let (durable, volatile) = (throughput.durable_per_second, throughput.volatile_per_second);
        push("no-op tasks, durable", "–", "≥ 5,000 /s", rate(durable), of(durable, 5_000.0));
        push("no-op tasks, volatile", "–", "≥ 15,000 /s", rate(volatile), of(volatile, 15_000.0));
    }
    if let Some(queue) = &results.queue {
        let whole = queue.queue_seconds + queue.drain_seconds;
        let measured = format!(
            "{} queued in {:.1} s, drained in {:.1} s, {} lost",
            queue.tasks, queue.queue_seconds, queue.drain_seconds, queue.lost
        );
        let what = format!("{} queued, durable", queue.tasks);
        push(
            &what,
            "–",
            "50,000 in ≤ 10 s, 0 lost",
            measured,
            format!("{} × goal's time", number(whole / 10.0)),
        );
    }
    if let Some(cancel) = &results.cancel {
        push("cancel of an infinite loop", "–", "≤ 1 / ≤ 5 ms", cancel.shown(), none());
    }
    if let Some(neighbour) = &results.neighbour {
        let measured = format!("{}; idle {}", neighbour.hostile.shown(), neighbour.idle.shown());
        let ratio = format!("{} × (P99)", number(neighbour.p99_ratio));
        push("no-op beside 2 spinning guests", "–", "P99 ≤ 2 × idle", measured, ratio);
    }
    if let Some(telemetry) = &results.telemetry {
        let (on, off) = (telemetry.on.shown(), telemetry.off.shown());
        let ratio =
            format!("{:.3} × (P50), {:.3} × (in flight)", telemetry.p50_ratio, telemetry.throughput_ratio);
        push("telemetry, exported", "–", "≤ 3 % slower than off", format!("{on}; off {off}"), ratio);
    }
    let [edges, wall] = [results.coverage.edges, results.coverage.wall].map(|share| 100.0 * share);
    let measured = format!("{edges:.2} % of edges, {wall:.2} % of wall time");
    push("trace coverage, all tasks", "> 80 %", "100 % of edges, ≥ 95 % of time", measured, none());
    if let Some(oci) = &results.oci {
        let share = 100.0 * oci.succeeded as f64 / oci.runs as f64;
        let measured = format!("{share:.1} % of {} runs of {} images", oci.runs, oci.images);
        push("OCI fallback succeeds", "> 90 %", "≥ 99 % of 200 runs", measured, none());
    }
}

fn process(results: &Results, rows: &mut Vec<Row>) {
    let process = &results.process;
    let mib = |kib: u64| kib as f64 / 1024.0;
    let mut push = |what: &str, asked, goal, measured, ratio: String| {
        let what = what.to_owned();
        rows.push(Row { what, asked, goal, peer: none(), measured, ratio });
    };
    push("mandatory processes", "≤ 50 % of K8s (6)", "1", process.processes.to_string(), none());
    let of = |value: f64, goal: f64| format!("{} × goal", number(value / goal));
    let idle = mib(process.memory_idle.rss_kib);
    push("memory, idle", "≤ 50 % of K8s (670 MiB)", "≤ 20 MB", process.memory_idle.shown(), of(idle, 19.07));
    push("memory after the load", "–", "–", process.memory_after_load.shown(), none());
    let size = process.binary_bytes as f64 / 1e6;
    push("binary", "–", "≤ 30 MB", format!("{size:.1} MB"), of(size, 30.0));
}

fn limits(results: &Results, rows: &mut Vec<Row>) {
    let Some(peers) = &results.peers else { return };
    let measured = [
        ("peer: `wasmtime run --allow-precompiled`", peers.wasmtime_run.as_ref()),
        ("peer: `wasmtime compile`, 100 kB", peers.wasmtime_compile.as_ref()),
        ("peer: bare `runc run`, busybox", peers.runc.as_ref()),
        ("peer: `docker run`, busybox", peers.docker.as_ref()),
        ("limit: wasmtime in process, warm", Some(&peers.in_process)),
        ("limit: wasmtime in process, cold", Some(&peers.in_process_cold)),
        ("limit: 4 KiB appended and synced", Some(&peers.fdatasync)),
    ];
    for (what, latency) in measured {
        let peer =
            latency.map_or_else(|| "not here".to_owned(), |latency| shown(&[latency.p50_us, latency.p99_us]));
        let what = what.to_owned();
        rows.push(Row { what, asked: "–", goal: "–", peer, measured: none(), ratio: none() });
    }
}

fn none() -> String {
    "–".to_owned()
}
