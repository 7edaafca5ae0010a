use e2e::market::{Closed, Platform, jobs, units};

#[test]
fn a_job_is_paid_in_sol() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "0.5", "SOL"]);
    let job =
        buyer.submit(&jobs::script(&platform, "sum", jobs::SUM), &["--image", "python", "--coin", "SOL"]);
    let done = buyer.reaches(&job, &["completed"]);
    assert_eq!(units(&done, "node"), units(&done, "charged") * 9 / 10);
    assert_eq!(buyer.balance("SOL"), (500_000_000 - units(&done, "charged"), 0));
}

#[test]
fn a_server_that_dies_settles_once_when_it_is_back() {
    // the window leaves time to see the job there
    let mut platform = Platform::with(["--dispute-window-seconds=5"]);
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let job = buyer.submit(&jobs::script(&platform, "sum", jobs::SUM), &["--image", "python"]);
    let seen = buyer.reaches(&job, &["verifying", "settling"]);
    platform.server.kill();
    assert_eq!(platform.closings(&job), [], "it was killed too late: {}", seen["state"]);
    platform.server.start();
    let done = buyer.reaches(&job, &["completed"]);
    let (charged, node) = (units(&done, "charged"), units(&done, "node"));
    let paid = Closed::Paid { node, platform: charged - node, refund: units(&done, "refund") };
    assert_eq!(platform.closings(&job), [paid]);
    assert_eq!(buyer.balance("USDC"), (1_000_000 - charged, 0));
}

#[test]
fn a_wallet_without_funds_is_told_before_anything_is_uploaded() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    let folder = jobs::script(&platform, "sum", jobs::SUM);
    let folder = folder.to_str().unwrap();
    let (_, said) = buyer.fails(&["submit", folder, "--yes", "--image", "python", "--disk", "1"]);
    assert!(said.contains("cyxwiz wallet deposit"), "{said}");
    assert_eq!(buyer.json(&["jobs"])["jobs"].as_array().unwrap().len(), 0);
}
