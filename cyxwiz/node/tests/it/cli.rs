//! Verbs, as people and programs see them.

use cyxwiz_proto::v1;

use crate::market::Market;
use crate::node::{Node, WALLET, text};

#[tokio::test(flavor = "multi_thread")]
async fn install_enrols_and_is_benchmarked() {
    let market = Market::start().await;
    let node = Node::new();
    let args =
        ["install", "--server", &market.url(), "--wallet", WALLET, "--no-service", "--min-price", "0.80"];
    let (code, out, err) = text(&node.call(&args).await);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("node      nod_1") && out.contains("cyxwiz-node run"), "{out}");
    market.told(|told| {
        let enrolled = &told.enrolled[0];
        assert_eq!((enrolled.payout_wallet.as_str(), enrolled.min_micro_usd_per_hour), (WALLET, 800_000));
        assert_eq!(enrolled.availability.mode.as_known(), Some(v1::availability::Mode::On));
        assert!(enrolled.hardware.cpu_milli >= 1000 && enrolled.hardware.memory_mib > 0);
        assert_eq!(told.benchmarks.len(), 1);
    });
    // again, to change one thing
    let (code, _, err) =
        text(&node.call(&["install", "--no-service", "--availability", "mon-fri 22:00-06:00"]).await);
    assert_eq!(code, Some(0), "{err}");
    market.told(|told| {
        let enrolled = told.enrolled.last().unwrap();
        assert_eq!((enrolled.min_micro_usd_per_hour, enrolled.availability.hours.len()), (800_000, 5));
    });
    let (code, out, _) = text(&node.call(&["earnings"]).await);
    assert_eq!(code, Some(0));
    assert!(out.contains("job_b") && out.contains("0:01:01") && out.contains("settled: 2.5 USDC"), "{out}");
    let (_, out, _) = text(&node.call(&["earnings", "-o", "json", "--limit", "1"]).await);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["earnings"][0]["base_units"], "1250000");
    let (code, out, _) = text(&node.call(&["uninstall", "--purge"]).await);
    assert_eq!((code, node.home().exists()), (Some(0), false), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_share_a_session() {
    let market = Market::start().await;
    let node = Node::new();
    node.call(&["install", "--server", &market.url(), "--wallet", WALLET, "--no-service"]).await;
    let status = async || {
        let (code, out, err) = text(&node.call(&["status"]).await);
        assert!(code == Some(0) && out.contains("gets work"), "{out}{err}");
        market.told(|told| (told.signed_in, told.refreshed))
    };
    assert_eq!(status().await, (1, 0));
    let (code, _, err) = text(&node.call(&["earnings"]).await);
    assert_eq!((code, status().await), (Some(0), (1, 0)), "{err}");
    // run out, and then no longer taken
    let file = node.home().join("session.json");
    let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    kept["renew_at"] = 1.into();
    std::fs::write(&file, kept.to_string()).unwrap();
    assert_eq!(status().await, (1, 1));
    assert_eq!(status().await, (1, 1));
    let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    kept["access"] = "ended".into();
    std::fs::write(&file, kept.to_string()).unwrap();
    assert_eq!(status().await, (2, 1));
    assert_eq!(status().await, (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_cost_a_line_and_say_what_to_do() {
    let node = Node::new();
    for (args, code, says) in [
        (vec!["status"], 1, "cyxwiz-node install"),
        (vec!["install", "--offline", "--no-service"], 2, "--wallet"),
        (vec!["install", "--offline", "--no-service", "--wallet", "xyz"], 2, "no Solana address"),
        (
            vec!["install", "--offline", "--no-service", "--wallet", WALLET, "--min-price", "cheap"],
            2,
            "such as 0.80",
        ),
        (
            vec!["install", "--offline", "--no-service", "--wallet", WALLET, "--availability", "nights"],
            2,
            "mon-fri",
        ),
        (
            vec![
                "install",
                "--offline",
                "--no-service",
                "--wallet",
                WALLET,
                "--package-index",
                "/srv/wheels",
            ],
            2,
            "write https://HOST/simple",
        ),
        (
            vec!["install", "--no-service", "--wallet", WALLET, "--server", "http://127.0.0.1:9"],
            3,
            "look at the connection",
        ),
    ] {
        let (got, _, err) = text(&node.call(&args).await);
        assert_eq!(got, Some(code), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains(says), "{args:?}: {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_reaches_the_server_and_status_tells() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    market.attended().await;
    let off = |told: &crate::market::Told| {
        let last = told.enrolled.last()?;
        (last.availability.mode.as_known() == Some(v1::availability::Mode::Off)).then_some(())
    };
    let (code, out, _) = text(&node.call(&["pause"]).await);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("paused"), "{out}");
    market.until("an enrolment that is off", off).await;
    let (_, out, err) = text(&node.call(&["status", "-o", "json"]).await);
    let json: serde_json::Value = serde_json::from_str(&out).expect(&err);
    assert_eq!((&json["paused"], &json["agent_running"]), (&true.into(), &true.into()));
    assert_eq!(json["server"]["available"], true);
    let (_, out, _) = text(&node.call(&["status"]).await);
    assert!(out.contains("(paused)") && out.contains("agent     runs"), "{out}");
    node.call(&["resume"]).await;
    market.until("an enrolment that is on", |told| off(told).is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_agent_a_home() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    market.attended().await;
    let (code, _, err) = text(&node.call(&["run"]).await);
    assert_eq!(code, Some(1));
    assert!(err.contains("an agent runs in"), "{err}");
}
