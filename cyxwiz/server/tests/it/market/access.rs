//! Every call with no, unknown, expired and foreign credentials, and with those of the other role.

use cyxwiz_chain::Coin;
use serde_json::{Value, json};

use super::bazaar::Bazaar;
use super::node::Node;
use crate::support::Key;

const BUYERS: [&str; 9] = [
    "JobService/EstimateJob",
    "JobService/CreateJob",
    "JobService/QueueJob",
    "JobService/GetJob",
    "JobService/ListJobs",
    "JobService/CancelJob",
    "JobService/ListResults",
    "JobService/DisputeJob",
    "PaymentService/ListPayments",
];

const NODES: [&str; 6] = [
    "NodeService/EnrolNode",
    "NodeService/ReportBenchmark",
    "NodeService/PushLogs",
    "NodeService/ReportAttempt",
    "NodeService/GetNode",
    "NodeService/ListEarnings",
];

#[tokio::test]
async fn every_call_wants_a_session_of_its_role() {
    let bazaar = Bazaar::open().await;
    let node = bazaar.world.sign_in(&Key::of(21), "ROLE_NODE").await;
    let refused = async |method: &str, token: Option<&str>| {
        let answer = bazaar.world.call(method, json!({}), token).await;
        assert_ne!(answer.status, 200, "{method}");
        answer.reason()
    };
    for method in BUYERS.iter().chain(&NODES) {
        assert_eq!(refused(method, None).await, "REASON_NO_SESSION", "{method}");
        assert_eq!(refused(method, Some("cyxa_unknown")).await, "REASON_NO_SESSION", "{method}");
    }
    for method in BUYERS {
        assert_eq!(refused(method, Some(&node.access)).await, "REASON_WRONG_ROLE", "{method}");
    }
    for method in NODES {
        assert_eq!(refused(method, Some(&bazaar.token)).await, "REASON_WRONG_ROLE", "{method}");
    }
    // streams answer as their calls do
    let follow = |token: &str| {
        let client = cyxwiz_proto::v1::JobServiceClient::new(Bazaar::transport(), bazaar.config(0, token));
        async move {
            let mut stream = client.watch_job(cyxwiz_proto::v1::WatchJobRequest::default()).await?;
            stream.message().await.map(|_| ())
        }
    };
    for token in ["", "cyxa_unknown", node.access.as_str()] {
        assert!(follow(token).await.is_err());
    }
    bazaar.advance(16 * 60);
    for method in BUYERS {
        assert_eq!(refused(method, Some(&bazaar.token)).await, "REASON_NO_SESSION", "{method}");
    }
    for method in NODES {
        assert_eq!(refused(method, Some(&node.access)).await, "REASON_NO_SESSION", "{method}");
    }
    let platform = bazaar.world.call("PaymentService/GetPlatform", json!({}), None).await;
    assert_eq!((platform.status, platform.body["cluster"].as_str()), (200, Some("localnet")));
    bazaar.close().await;
}

#[tokio::test]
async fn nobody_sees_anothers_job_or_attempt() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    let other = bazaar.world.buyer(9).await;
    let signature = bs58::encode([1; 64]).into_string();
    for (method, body) in [
        ("JobService/QueueJob", json!({ "jobId": job.id, "openSignature": signature })),
        ("JobService/GetJob", json!({ "jobId": job.id })),
        ("JobService/CancelJob", json!({ "jobId": job.id })),
        ("JobService/ListResults", json!({ "jobId": job.id })),
        ("JobService/DisputeJob", json!({ "jobId": job.id, "reason": "mine" })),
    ] {
        let answer = bazaar.world.call(method, body, Some(&other.access)).await;
        assert_eq!(answer.reason(), "REASON_NOT_FOUND", "{method}");
    }
    let list = bazaar.world.call("JobService/ListJobs", json!({}), Some(&other.access)).await;
    assert_eq!(list.body.get("jobs"), None);
    let paid = bazaar.world.call("PaymentService/ListPayments", json!({}), Some(&other.access)).await;
    assert_eq!(paid.body.get("payments"), None);
    let thief = bazaar.world.sign_in(&Key::of(22), "ROLE_NODE").await;
    let (attempt, epoch) = (work.attempt_id.clone(), work.epoch);
    let steps: [Value; 3] = [
        json!({ "attemptId": attempt, "epoch": epoch, "started": {} }),
        json!({ "attemptId": attempt, "epoch": epoch, "finished": { "ending": { "reason": "succeeded" } } }),
        json!({ "attemptId": attempt, "epoch": epoch, "checkpoint": { "number": 1 } }),
    ];
    for step in steps {
        let answer = bazaar.world.call("NodeService/ReportAttempt", step, Some(&thief.access)).await;
        assert_eq!(answer.reason(), "REASON_NOT_FOUND");
    }
    let logs = json!({ "attemptId": attempt, "epoch": epoch, "firstSeq": "1", "entries": [] });
    let answer = bazaar.world.call("NodeService/PushLogs", logs, Some(&thief.access)).await;
    assert_eq!(answer.reason(), "REASON_NOT_FOUND");
    bazaar.close().await;
}
