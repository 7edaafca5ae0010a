//! What an admin does beside a server that runs.

use cyxwiz_model::{HourlyPrice, JobId};
use cyxwiz_server::platform;
use serde_json::json;

use crate::support::{Key, World};

#[tokio::test]
async fn prices_rates_and_pause_are_seen_by_the_server_at_once() {
    let world = World::new().await;
    assert_eq!(world.verb(&["admin", "price", "list"]).unwrap(), json!([]));
    let set = world.verb(&["admin", "price", "set", "rtx4090", "0.80"]).unwrap();
    assert_eq!(set, json!({ "gpu": "rtx4090", "usd_per_hour": "0.80" }));
    world.verb(&["admin", "price", "set", "cpu", "0.05"]).unwrap();
    world.verb(&["admin", "price", "set", "cpu", "0.06"]).unwrap();
    let prices = platform::prices(world.db()).await.unwrap();
    let prices: Vec<_> = prices.iter().map(|price| (price.gpu_type.as_str(), price.price)).collect();
    assert_eq!(prices, [("cpu", HourlyPrice(60_000)), ("rtx4090", HourlyPrice(800_000))]);
    world.verb(&["admin", "price", "remove", "rtx4090"]).unwrap();
    assert_eq!(platform::prices(world.db()).await.unwrap().len(), 1);
    for bad in [["price", "set", "any", "1"], ["price", "set", "cpu", "0"], ["price", "set", "cpu", "1,5"]] {
        assert!(world.verb(&[&["admin"], &bad[..]].concat()).is_err(), "{bad:?}");
    }

    assert_eq!(platform::sol_rate(world.db()).await.unwrap(), None);
    world.verb(&["admin", "sol-rate", "set", "150.25"]).unwrap();
    assert_eq!(platform::sol_rate(world.db()).await.unwrap().unwrap().micro_usd, 150_250_000);

    assert!(platform::require_running(world.db()).await.is_ok());
    world.verb(&["admin", "pause"]).unwrap();
    let refusal = platform::require_running(world.db()).await.unwrap_err();
    assert_eq!(refusal.message, "the platform takes no new jobs now");
    world.verb(&["admin", "resume"]).unwrap();
    assert!(platform::require_running(world.db()).await.is_ok());
    let noted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM admin_log").fetch_one(world.db().pool()).await.unwrap();
    assert_eq!(noted, 7);
    world.close().await;
}

#[tokio::test]
async fn a_banned_node_is_out_at_once_and_may_come_back() {
    let world = World::new().await;
    let node = world.node(3).await;
    let session = world.sign_in(&Key::of(3), "ROLE_NODE").await;
    world.verb(&["admin", "node", "ban", &node.to_string(), "--reason", "lied about its GPU"]).unwrap();
    assert!(!world.is_good(&session.access).await);
    let message = world.challenge(&Key::of(3), "ROLE_NODE").await;
    let refused = world.verify(&message, &Key::of(3).sign(&message)).await;
    assert_eq!((refused.status, refused.reason().as_str()), (403, "REASON_BANNED"));
    assert_eq!(refused.body["message"], "this node was banned: lied about its GPU");
    world.verb(&["admin", "node", "unban", &node.to_string()]).unwrap();
    world.sign_in(&Key::of(3), "ROLE_NODE").await;
    let unknown = world.verb(&["admin", "node", "ban", "nod_00000000000000000000000000000000"]).unwrap_err();
    assert!(unknown.contains("there is no node"), "{unknown}");
    world.close().await;
}

#[tokio::test]
async fn jobs_and_quotas_are_shown() {
    let world = World::new().await;
    world.buyer(1).await;
    let job = world.job(world.account(1).await, &[]).await;
    let shown = world.verb(&["admin", "job", "show", &job.to_string()]).unwrap();
    assert_eq!(
        (shown["state"].as_str(), shown["wallet"].as_str()),
        (Some("draft"), Some(Key::of(1).address().as_str()))
    );
    assert!(world.verb(&["admin", "job", "show", &JobId::generate().to_string()]).is_err());
    let wallet = Key::of(1).address();
    world.verb(&["admin", "quota", "set", &wallet, "60"]).unwrap();
    assert_eq!(world.verb(&["admin", "quota", "show", &wallet]).unwrap()["seconds"], 60);
    world.verb(&["admin", "quota", "set", &wallet, "default"]).unwrap();
    let shown = world.verb(&["admin", "quota", "show", &wallet]).unwrap();
    assert_eq!((&shown["seconds"], &shown["default_seconds"]), (&json!(null), &json!(3600)));
    world.close().await;
}
