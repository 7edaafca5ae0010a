use std::fs;

use e2e::market::{Closed, Platform, Postgres, SLOT_MS, Setup, jobs, units};

use crate::support::{repository, until};

#[test]
fn a_job_from_submit_to_settlement() {
    // from nothing at all, as its owner starts it
    let platform =
        Platform::set_up(&Setup { slot_ms: SLOT_MS, settings: &[], variables: &[], database: Postgres::Own });
    let seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "5", "USDC"]);

    let held = || ["seller", "treasury"].map(|wallet| platform.tokens(wallet));
    let before = held();
    let job = buyer.submit(&jobs::script(&platform, "sum", jobs::SUM), &["--image", "python"]);
    let shown = buyer.ok(&["watch", &job]);
    let counted: Vec<&str> = shown.lines().filter(|line| line.starts_with("adds ")).collect();
    assert_eq!(counted, ["adds 1", "adds 2", "adds 3", "adds 4"]);

    // the same numbers to the unit: buyer's view, seller's view, chain
    let done = buyer.reaches(&job, &["completed"]);
    let (charged, node) = (units(&done, "charged"), units(&done, "node"));
    assert_eq!(node, charged * 9 / 10);
    assert_eq!(node + units(&done, "platform"), charged);
    assert_eq!(charged + units(&done, "refund"), units(&done, "deposit"));
    assert_eq!(buyer.balance("USDC"), (5_000_000 - charged, 0));
    let earned = seller.json(&["earnings"]);
    let earning = &earned["earnings"][0];
    assert_eq!((earning["job"].as_str(), earning["state"].as_str()), (Some(job.as_str()), Some("settled")));
    assert_eq!(earning["base_units"].as_str().unwrap().parse::<u64>().unwrap(), node);

    // what the chain itself says: one payment, nine parts to the payee's account and one to the treasury's
    let platform_part = charged - node;
    assert_eq!(held(), [before[0] + node, before[1] + platform_part]);
    let paid = Closed::Paid { node, platform: platform_part, refund: units(&done, "refund") };
    assert_eq!(platform.closings(&job), [paid]);

    let results = platform.folder("results");
    buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(results.join("sum.txt")).unwrap(), "10");
    assert!(buyer.ok(&["jobs"]).contains(&job));
    assert!(buyer.ok(&["wallet", "history"]).contains(job.trim_start_matches("job_")));
}

#[test]
fn the_example_learns_the_weather() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let job = buyer.submit(&repository("examples/weather"), &["--image", "python", "--env", "EPOCHS=50"]);
    buyer.reaches(&job, &["completed"]);
    let results = platform.folder("results");
    buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    let model: serde_json::Value =
        serde_json::from_slice(&fs::read(results.join("model.json")).unwrap()).unwrap();
    assert!(model["rmse_c"].as_f64().unwrap() < 12.0, "{model}");
}

#[test]
fn who_detaches_comes_back_with_nothing_missing() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::script(&platform, "count", jobs::COUNT);
    let job = buyer.submit(&folder, &["--image", "python", "--env", "UNTIL=8", "--env", "PAUSE=0.5"]);

    let log = platform.folder("logs").join("watch.log");
    let mut watch = buyer.watch(&job, &log);
    watch.said("count 2");
    watch.signal(rustix::process::Signal::INT);
    until("the watch ends", || fs::read_to_string(&log).unwrap().contains("cyxwiz watch"));
    drop(watch);

    let shown = buyer.ok(&["watch", &job]);
    let counted: Vec<&str> = shown.lines().filter(|line| line.starts_with("count ")).collect();
    assert_eq!(
        counted,
        ["count 1", "count 2", "count 3", "count 4", "count 5", "count 6", "count 7", "count 8"]
    );
}
