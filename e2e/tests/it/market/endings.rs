//! Every way for a job to end: who pays, and who is told why.

use std::fs;

use serde_json::Value;

use e2e::market::{Buyer, Closed, Platform, jobs, units, why};

const DEPOSIT: u64 = 1_000_000;
/// A count with time to be interrupted, and once that was, without.
const SLOW_AT_FIRST: [&str; 8] =
    ["--image", "python", "--env", "UNTIL=14", "--env", "PAUSE=2.5", "--env", "PAUSE_AGAIN=0"];

fn with_money(platform: &Platform) -> Buyer {
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    buyer
}

fn reason(job: &Value) -> (String, String) {
    why(&job["ending"])
}

fn charged(job: &Value) -> u64 {
    units(job, "charged")
}

fn of(reason: &str, class: &str) -> (String, String) {
    (reason.to_owned(), class.to_owned())
}

/// What a person is told in the end: how it ended, why, and who paid.
#[track_caller]
fn says(buyer: &Buyer, job: &str, lines: &[&str]) {
    let told = buyer.told(job);
    for line in lines {
        assert!(told.contains(line), "not told: {line}\n{told}");
    }
}

/// How a payment is told.
fn paid(done: &Value) -> String {
    let [node, platform] = ["node", "platform"].map(|part| usdc(units(done, part)));
    format!("paid      {node} to the node, {platform} to the platform; ")
}

fn usdc(base_units: u64) -> String {
    let text = format!("{}.{:06}", base_units / 1_000_000, base_units % 1_000_000);
    format!("{} USDC", text.trim_end_matches('0').trim_end_matches('.'))
}

#[test]
fn a_script_that_fails_is_refunded_and_its_outputs_withheld() {
    let platform = Platform::start();
    let seller = platform.seller("seller");
    let buyer = with_money(&platform);
    let job = buyer.submit(&jobs::script(&platform, "fails", jobs::FAILS), &["--image", "python"]);
    let done = buyer.reaches(&job, &["refunded"]);
    assert_eq!(reason(&done), of("exit", "user"));
    assert_eq!(done["ending"]["exit_code"], 3);
    assert_eq!(buyer.balance("USDC"), (DEPOSIT, 0));
    says(
        &buyer,
        &job,
        &[
            "refunded: exit, exit code 3, the job's own fault\n",
            "why       it exited with code 3: its last lines say why\n",
            ", nothing is charged\n",
            "paid      nobody: ",
            "results   withheld, as nothing is paid for them\n",
        ],
    );
    let (_, said) = buyer.fails(&["results", &job]);
    assert!(said.contains("withheld"), "{said}");
    assert_ne!(seller.json(&["earnings"])["earnings"][0]["state"], "settled");
}

#[test]
fn a_job_moves_to_another_node_with_its_checkpoint() {
    let platform = Platform::with(["--checkpoint-seconds=1"]);
    let mut first = platform.seller("first");
    let buyer = with_money(&platform);
    let folder = jobs::script(&platform, "count", jobs::COUNT);
    let job = buyer.submit(&folder, &SLOW_AT_FIRST);
    let log = platform.folder("logs").join("watch.log");
    let mut watch = buyer.watch(&job, &log);
    watch.said("count 4");
    drop(watch);
    first.kill();
    let second = platform.seller("second");
    let done = buyer.reaches(&job, &["completed"]);
    assert_eq!(done["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(why(&done["attempts"][0]["ending"]), of("node_lost", "node"));
    says(&buyer, &job, &["it waits for another node\n", "completed: succeeded, exit code 0\n", &paid(&done)]);
    let shown = buyer.ok(&["watch", &job]);
    let began: Vec<u32> =
        shown.lines().filter_map(|line| line.strip_prefix("goes on from ")?.parse().ok()).collect();
    assert_eq!(began.len(), 2);
    assert!(began[0] == 0 && began[1] > 0, "{began:?}");
    assert_eq!(second.json(&["earnings"])["earnings"][0]["state"], "settled");
}

#[test]
fn an_agent_that_was_killed_and_is_back_finishes_the_job_and_is_paid_once() {
    let platform = Platform::with(["--checkpoint-seconds=1"]);
    let mut seller = platform.seller("seller");
    let buyer = with_money(&platform);
    let folder = jobs::script(&platform, "count", jobs::COUNT);
    let job = buyer.submit(&folder, &SLOW_AT_FIRST);
    let mut watch = buyer.watch(&job, &platform.folder("logs").join("watch.log"));
    watch.said("count 4");
    drop(watch);
    seller.kill();
    // the same home: its journal, its node's record, its key
    seller.run();
    let done = buyer.reaches(&job, &["completed"]);
    let attempts = done["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2);
    let (first, class) = why(&attempts[0]["ending"]);
    // it told so itself, if it was back before it counted as lost
    assert!(["node_error", "node_lost"].contains(&first.as_str()) && class == "node", "{first} {class}");
    let shown = buyer.ok(&["watch", &job]);
    let counted: Vec<&str> = shown.lines().filter(|line| line.starts_with("count ")).collect();
    assert_eq!((counted.first(), counted.last()), (Some(&"count 1"), Some(&"count 14")), "{shown}");

    let (node, platform_part) = (units(&done, "node"), units(&done, "platform"));
    let paid = Closed::Paid { node, platform: platform_part, refund: units(&done, "refund") };
    assert_eq!(platform.closings(&job), [paid]);
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - charged(&done), 0));
    let earned = seller.json(&["earnings"])["earnings"].clone();
    let settled = earned.as_array().unwrap().iter().filter(|earning| earning["state"] == "settled").count();
    assert_eq!(settled, 1, "{earned:#}");
}

#[test]
fn a_job_that_waits_is_cancelled_for_nothing() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = with_money(&platform);
    // the one place is taken
    let first = buyer.submit(&jobs::script(&platform, "count", jobs::COUNT), &["--image", "python"]);
    buyer.reaches(&first, &["running"]);
    let job = buyer.submit(&jobs::script(&platform, "sum", jobs::SUM), &["--image", "python"]);
    buyer.ok(&["cancel", &job]);
    let done = buyer.reaches(&job, &["refunded"]);
    assert_eq!((reason(&done), charged(&done)), (of("cancelled", ""), 0));
    says(
        &buyer,
        &job,
        &["refunded: cancelled\n", "why       ", ", nothing is charged\n", "paid      nobody: "],
    );
    buyer.ok(&["cancel", &first]);
    let first = buyer.reaches(&first, &["completed"]);
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - charged(&first), 0));
}

#[test]
fn a_job_that_runs_is_stopped_metered_and_delivered() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = with_money(&platform);
    let script = r#"
import os, pathlib, signal, sys, time
output = pathlib.Path(os.environ["CYX_OUTPUT_DIR"], "so-far.txt")
def stop(*_):
    output.write_text("stopped with grace")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("sleeps now", flush=True)
time.sleep(600)
"#;
    let job = buyer.submit(&jobs::script(&platform, "waits", script), &["--image", "python"]);
    buyer.watch(&job, &platform.folder("logs").join("watch.log")).said("sleeps now");
    buyer.ok(&["cancel", &job]);
    let done = buyer.reaches(&job, &["completed"]);
    assert_eq!(reason(&done), of("cancelled", ""));
    assert!(charged(&done) > 0);
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - charged(&done), 0));
    says(&buyer, &job, &["completed: cancelled\n", "why       its buyer cancelled it\n", &paid(&done)]);
    let results = platform.folder("results");
    buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(results.join("so-far.txt")).unwrap(), "stopped with grace");
}

#[test]
fn a_job_whose_deposit_runs_out_stops_there() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = with_money(&platform);
    let folder = jobs::script(&platform, "count", jobs::COUNT);
    // five cents an hour: 0.000084 USDC are six seconds
    let job = buyer.submit(&folder, &["--image", "python", "--deposit", "0.000084"]);
    let done = buyer.reaches(&job, &["completed"]);
    assert_eq!(reason(&done), of("budget", ""));
    assert_eq!(charged(&done), 84);
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - 84, 0));
    says(
        &buyer,
        &job,
        &[
            "completed: budget\n",
            "why       the money set aside was used up\n",
            "metered 0.000084 USDC\n",
            "paid      0.000075 USDC to the node, 0.000009 USDC to the platform; 0 USDC of 0.000084 USDC came back\n",
            &format!("results   cyxwiz results {job}\n"),
        ],
    );
}
