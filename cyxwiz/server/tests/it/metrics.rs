//! What the operator reads.

use crate::support::World;

#[tokio::test]
async fn calls_uploads_and_jobs_are_counted_for_prometheus() {
    let world = World::new().await;
    let buyer = world.buyer(1).await;
    let job = world.job(world.account(1).await, &[("a", b"hello")]).await;
    world.begin(&buyer.access, (job, "input", "a"), b"hello", None).await;
    assert!(!world.is_good("wrong").await);
    world.call("Invented/Call", serde_json::json!({}), None).await;
    let response = world.http.get(format!("{}/metrics", world.admin())).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for line in [
        r#"cyxwiz_calls_total{method="AuthService/VerifyChallenge",status="200"} 1"#,
        r#"cyxwiz_calls_total{method="AuthService/ListSessions",status="401"} 1"#,
        r#"cyxwiz_calls_total{method="files",status="201"} 1"#,
        r#"cyxwiz_jobs{state="draft"} 1"#,
        "cyxwiz_uploads_open 1",
        r#"cyxwiz_call_seconds_count{method="other"} 1"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("Invented"), "what callers invent names nothing");
    world.close().await;
}
