//! What a buyer sees while his job runs: progress, cost, use; and the metrics that he keeps of it.

use std::fs;

use serde_json::Value;

use e2e::market::{Platform, Process, jobs, units};

use crate::support::until;

/// Steps of a run of ten seconds: two beats of its node, each with what the script uses.
const STEPS: u32 = 20;

/// Writes its metrics, and a copy of them as an output.
const LEARNS: &str = r#"
import json, os, pathlib, time
lines = []
metrics = open(os.environ["CYX_METRICS"], "a", buffering=1)
for step in range(1, STEPS + 1):
    line = json.dumps({"step": step, "total": STEPS, "loss": 1 / step, "rate": 1e-3}) + "\n"
    metrics.write(line)
    lines.append(line)
    time.sleep(0.5)
pathlib.Path(os.environ["CYX_OUTPUT_DIR"], "written.jsonl").write_text("".join(lines))
"#;

/// The numbers of JSON objects, a line each.
fn numbers(text: &str) -> Vec<Vec<(String, f64)>> {
    let line = |line: &str| {
        let object: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        let number = |(name, value): (String, Value)| (name, value.as_f64().unwrap());
        let mut numbers: Vec<_> = object.into_iter().map(number).collect();
        numbers.sort_by(|a, b| a.0.cmp(&b.0));
        numbers
    };
    text.lines().map(line).collect()
}

/// What was told so far, without a line that is still being written.
fn events(log: &str, name: &str) -> Vec<Value> {
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let told = whole.lines().filter(|line| line.starts_with('{'));
    told.map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["event"] == name)
        .collect()
}

#[test]
fn progress_cost_and_use_are_seen_live_and_metrics_are_kept() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let script = LEARNS.replace("STEPS", &STEPS.to_string());
    let job = buyer.submit(&jobs::script(&platform, "learns", &script), &["--image", "python"]);

    let mut command = buyer.command();
    command.args(["watch", &job, "-o", "json"]);
    let mut watch = Process::start(command, &platform.folder("logs").join("watch.jsonl"));
    // live: told while the script has most of its steps before it
    watch.said(r#""event":"progress""#);
    assert_eq!(buyer.job(&job)["state"], "running");
    until("the watch ends", || watch.has_ended());

    let log = watch.log();
    let progress = events(&log, "progress");
    let steps: Vec<f64> = progress.iter().map(|event| event["step"].as_f64().unwrap()).collect();
    assert_eq!(steps, (1..=STEPS).map(f64::from).collect::<Vec<_>>());
    assert!(progress.iter().all(|event| event["total"] == f64::from(STEPS)), "{progress:?}");
    let last = progress.last().unwrap();
    assert_eq!(last["values"]["loss"], 1.0 / f64::from(STEPS), "{last}");

    let ended = events(&log, "end").pop().unwrap();
    let costs = events(&log, "cost");
    let metered = |event: &Value| event["cost"]["metered_ms"].as_u64().unwrap();
    let charged = |event: &Value| units(event, "charged");
    // about one a second, rising from nothing to what was paid
    assert!(costs.len() >= 5, "{costs:?}");
    assert!(costs.is_sorted_by_key(metered) && costs.is_sorted_by_key(charged), "{costs:?}");
    assert!(charged(&costs[0]) < charged(costs.last().unwrap()), "{costs:?}");
    assert!(charged(costs.last().unwrap()) <= units(&ended["job"], "charged"), "{costs:?}");

    let used = events(&log, "usage");
    assert!(used.iter().any(|event| event["memory_bytes"].as_u64().unwrap() > 1 << 20), "{used:?}");

    let results = platform.folder("results");
    buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    let read = |path: &str| fs::read_to_string(results.join(path)).unwrap();
    let kept = numbers(&read("_cyxwiz/metrics.jsonl"));
    assert_eq!(kept.len(), STEPS as usize);
    assert_eq!(kept, numbers(&read("written.jsonl")));
}
