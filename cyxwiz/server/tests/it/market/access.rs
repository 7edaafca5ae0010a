//! Every call with no, unknown, expired, revoked and foreign credentials, and with those of the other role.

use std::collections::BTreeSet;

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1;
use prost::Message as _;
use serde_json::{Value, json};

use super::bazaar::{Bazaar, reason};
use super::node::Node;
use super::work::ending;
use crate::support::{Key, Session};

/// Whose session a call wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Nobody,
    Either,
    Buyer,
    Node,
}

/// What a call may name that belongs to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// Nothing: it is about the caller alone, or about everybody.
    Nothing,
    Session,
    Job,
    Attempt,
    Benchmark,
}

/// Every call there is. [`each_call_has_a_row`] fails where one is added without.
const CALLS: [(&str, Wants, Names); 23] = [
    ("AuthService/CreateChallenge", Wants::Nobody, Names::Nothing),
    ("AuthService/VerifyChallenge", Wants::Nobody, Names::Nothing),
    ("AuthService/RefreshSession", Wants::Nobody, Names::Nothing),
    ("AuthService/Logout", Wants::Either, Names::Session),
    ("AuthService/ListSessions", Wants::Either, Names::Nothing),
    ("JobService/EstimateJob", Wants::Buyer, Names::Nothing),
    ("JobService/CreateJob", Wants::Buyer, Names::Nothing),
    ("JobService/QueueJob", Wants::Buyer, Names::Job),
    ("JobService/GetJob", Wants::Buyer, Names::Job),
    ("JobService/ListJobs", Wants::Buyer, Names::Nothing),
    (WATCH, Wants::Buyer, Names::Job),
    ("JobService/CancelJob", Wants::Buyer, Names::Job),
    ("JobService/ListResults", Wants::Buyer, Names::Job),
    ("JobService/DisputeJob", Wants::Buyer, Names::Job),
    ("PaymentService/GetPlatform", Wants::Nobody, Names::Nothing),
    ("PaymentService/ListPayments", Wants::Buyer, Names::Nothing),
    ("NodeService/EnrolNode", Wants::Node, Names::Nothing),
    ("NodeService/ReportBenchmark", Wants::Node, Names::Benchmark),
    (ATTEND, Wants::Node, Names::Attempt),
    ("NodeService/PushLogs", Wants::Node, Names::Attempt),
    ("NodeService/ReportAttempt", Wants::Node, Names::Attempt),
    ("NodeService/GetNode", Wants::Node, Names::Nothing),
    ("NodeService/ListEarnings", Wants::Node, Names::Nothing),
];
const WATCH: &str = "JobService/WatchJob";
const ATTEND: &str = "NodeService/Attend";

#[test]
fn each_call_has_a_row() {
    let set = prost_types::FileDescriptorSet::decode(cyxwiz_proto::DESCRIPTORS).unwrap();
    let services =
        set.file.iter().filter(|file| file.package() == "cyxwiz.v1").flat_map(|file| &file.service);
    let named = |service: &prost_types::ServiceDescriptorProto| {
        let name = service.name().to_owned();
        service.method.iter().map(move |method| format!("{name}/{}", method.name())).collect::<Vec<_>>()
    };
    let there: BTreeSet<String> = services.flat_map(named).collect();
    let rows: BTreeSet<String> = CALLS.iter().map(|(method, ..)| (*method).to_owned()).collect();
    assert_eq!(there, rows, "a call without a row, or a row without a call");
}

/// Makes a call with a body and a token; why it was refused.
async fn refused(bazaar: &Bazaar, method: &str, body: Value, token: Option<&str>) -> Option<String> {
    let shown = token.unwrap_or_default();
    let error = match method {
        WATCH => {
            let client = v1::JobServiceClient::new(Bazaar::transport(), bazaar.config(0, shown));
            let request: v1::WatchJobRequest = serde_json::from_value(body).unwrap();
            match client.watch_job(request).await {
                Err(error) => Some(error),
                Ok(mut stream) => match stream.message().await {
                    Err(error) => Some(error),
                    Ok(message) => message.is_none().then(|| stream.error().cloned()).flatten(),
                },
            }
        }
        ATTEND => {
            let client = v1::NodeServiceClient::new(Bazaar::transport(), bazaar.config(0, shown));
            let hello: v1::Hello = serde_json::from_value(body).unwrap();
            let (mut send, mut receive) = client.attend().await.unwrap().into_split();
            // a refused stream may be gone before the hello is
            let hello = v1::AttendRequest { message: Some(hello.into()), ..Default::default() };
            let _ = send.send(hello).await;
            match receive.message().await {
                Err(error) => Some(error),
                Ok(message) => message.is_none().then(|| receive.error().cloned()).flatten(),
            }
        }
        _ => {
            let answer = bazaar.world.call(method, body, token).await;
            return (answer.status != 200).then(|| answer.reason());
        }
    };
    error.map(|error| format!("{:?}", reason(&error)))
}

/// The rows of calls that want somebody's session.
fn closed() -> impl Iterator<Item = (&'static str, Wants, Names)> {
    CALLS.into_iter().filter(|(_, wants, _)| *wants != Wants::Nobody)
}

#[tokio::test]
async fn every_call_wants_a_live_session_of_its_role() {
    let bazaar = Bazaar::with(1, |settings| settings.calls_per_address = Some(100_000)).await;
    let world = &bazaar.world;
    let node = world.sign_in(&Key::of(21), "ROLE_NODE").await;
    let buyer = world.buyer(9).await;
    let no_session = Some("REASON_NO_SESSION".to_owned());
    for (method, wants, _) in closed() {
        for token in [None, Some("cyxa_unknown"), Some(buyer.refresh.as_str()), Some(node.refresh.as_str())] {
            assert_eq!(refused(&bazaar, method, json!({}), token).await, no_session, "{method} {token:?}");
        }
        let other = match wants {
            Wants::Buyer => &node,
            Wants::Node => &buyer,
            Wants::Either | Wants::Nobody => continue,
        };
        let wrong = refused(&bazaar, method, json!({}), Some(&other.access)).await;
        assert_eq!(wrong.as_deref(), Some("REASON_WRONG_ROLE"), "{method}");
    }
    // signed out: from the next call on
    let gone = [world.sign_in(&Key::of(22), "ROLE_NODE").await, world.buyer(10).await];
    for session in &gone {
        let out = world.call("AuthService/Logout", json!({}), Some(&session.access)).await;
        assert_eq!(out.status, 200);
    }
    // out of time
    bazaar.advance(16 * 60);
    for (method, ..) in closed() {
        for session in gone.iter().chain([&node, &buyer]) {
            let answer = refused(&bazaar, method, json!({}), Some(&session.access)).await;
            assert_eq!(answer, no_session, "{method}");
        }
    }
    // and what anybody may ask needs none
    let platform = world.call("PaymentService/GetPlatform", json!({}), None).await;
    assert_eq!((platform.status, platform.body["cluster"].as_str()), (200, Some("localnet")));
    for (method, ..) in CALLS.iter().filter(|(_, wants, _)| *wants == Wants::Nobody) {
        let answer = refused(&bazaar, method, json!({}), None).await;
        assert_ne!(answer.as_deref(), Some("REASON_WRONG_ROLE"), "{method}");
    }
    bazaar.close().await;
}

/// Things of a buyer and of a node.
struct Things {
    session: String,
    job: String,
    work: v1::Assignment,
    benchmark: String,
}

impl Things {
    /// Requests that name them.
    fn bodies(&self, method: &str, names: Names) -> Vec<Value> {
        let attempt = |more: Value| {
            let mut body = json!({ "attemptId": self.work.attempt_id, "epoch": self.work.epoch });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let signature = bs58::encode([1; 64]).into_string();
        match (names, method) {
            (Names::Nothing, _) => vec![],
            (Names::Session, _) => vec![json!({ "sessionId": self.session })],
            (Names::Job, "JobService/QueueJob") => {
                vec![json!({ "jobId": self.job, "openSignature": signature })]
            }
            (Names::Job, "JobService/DisputeJob") => vec![json!({ "jobId": self.job, "reason": "mine" })],
            (Names::Job, _) => vec![json!({ "jobId": self.job })],
            (Names::Attempt, ATTEND) => vec![],
            (Names::Attempt, "NodeService/PushLogs") => {
                vec![attempt(json!({ "firstSeq": "1", "entries": [] }))]
            }
            (Names::Attempt, _) => vec![
                attempt(json!({ "preparing": { "phase": "image" } })),
                attempt(json!({ "started": {} })),
                attempt(json!({ "checkpoint": { "number": 1 } })),
                attempt(json!({ "exited": {} })),
                attempt(json!({ "finished": { "ending": { "reason": "succeeded" } } })),
            ],
            (Names::Benchmark, _) => {
                vec![json!({ "id": self.benchmark, "output": "A".repeat(43), "threads": 2 })]
            }
        }
    }
}

#[tokio::test]
async fn nobody_sees_or_moves_what_is_anothers() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let owner = bazaar.world.buyer(8).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    let benchmark: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM benchmarks").fetch_one(bazaar.world.db().pool()).await.unwrap();
    let things = Things {
        session: owner.id.clone(),
        job: job.id.clone(),
        work: work.clone(),
        benchmark: benchmark.simple().to_string(),
    };
    let buyer: Session = bazaar.world.buyer(9).await;
    let thief = bazaar.world.sign_in(&Key::of(22), "ROLE_NODE").await;
    for (method, wants, names) in closed() {
        let foreign = match wants {
            Wants::Node => &thief,
            _ => &buyer,
        };
        for body in things.bodies(method, names) {
            let answer = refused(&bazaar, method, body.clone(), Some(&foreign.access)).await;
            assert_eq!(answer.as_deref(), Some("REASON_NOT_FOUND"), "{method} {body}");
        }
    }
    // lists show nothing of it
    let list = bazaar.world.call("JobService/ListJobs", json!({}), Some(&buyer.access)).await;
    assert_eq!((list.status, list.body.get("jobs")), (200, None));
    let paid = bazaar.world.call("PaymentService/ListPayments", json!({}), Some(&buyer.access)).await;
    assert_eq!((paid.status, paid.body.get("payments")), (200, None));
    // a node that says it works on another's attempt is told to drop it, and the attempt goes on
    let mut other = Node::enrolled(&bazaar, 23, 0).await;
    let attempt = std::slice::from_ref(&work.attempt_id);
    assert_eq!(other.attend(&bazaar, attempt).await, attempt);
    node.pass(&bazaar, 10).await;
    node.finish(&work, "succeeded", vec![]).await;
    let done = bazaar.until(&job.id, v1::JobState::Verifying).await;
    assert_eq!(done.ending.as_option().unwrap().reason, ending("succeeded").reason);
    assert!(bazaar.world.is_good(&owner.access).await);
    bazaar.close().await;
}
