//! Open streams end with the session that they stand on, within seconds.

use std::time::Duration;

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1;
use serde_json::json;

use super::bazaar::{Bazaar, reason, sign_in};
use super::node::Node;

/// What does not end in this time does not end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sessions of this token's owner but the one that asks.
async fn sign_out_others(bazaar: &Bazaar, token: &str) {
    let listed = bazaar.world.call("AuthService/ListSessions", json!({}), Some(token)).await;
    for session in listed.body["sessions"].as_array().unwrap() {
        if session["current"] != true {
            let body = json!({ "sessionId": session["id"] });
            assert_eq!(bazaar.world.call("AuthService/Logout", body, Some(token)).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_watch_ends_with_its_session_and_another_of_the_same_buyer_goes_on() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    let request = v1::WatchJobRequest { job_id: job.id.clone(), ..Default::default() };
    let lost = bazaar.jobs();
    let mut lost = lost.watch_job(request.clone()).await.unwrap();
    let token = sign_in(&bazaar.world, &bazaar.wallet).await;
    let kept = v1::JobServiceClient::new(Bazaar::transport(), bazaar.config(0, &token));
    let mut kept = kept.watch_job(request).await.unwrap();
    assert!(lost.message().await.unwrap().is_some() && kept.message().await.unwrap().is_some());

    sign_out_others(&bazaar, &token).await;
    let error = tokio::time::timeout(PATIENCE, async {
        loop {
            match lost.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return lost.error().cloned().expect("it ended well"),
                Err(error) => return error,
            }
        }
    });
    let error = error.await.expect("a revoked session still watches");
    assert_eq!(reason(&error), v1::Reason::REASON_NO_SESSION);

    node.pass(&bazaar, 5).await;
    node.log(&work, 1, &["still here\n"]).await;
    let hears = async {
        loop {
            let event = kept.message().await.unwrap().expect("it ended").to_owned_message();
            if let Some(v1::__buffa::oneof::watch_job_response::Event::Log(_)) = event.event {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, hears).await.expect("the other session hears nothing");
    bazaar.close().await;
}

#[tokio::test]
async fn a_node_whose_session_was_ended_loses_its_stream_and_comes_back_with_another() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    let mut bystander = Node::stand_by(&bazaar, 22).await;

    let again = Node::enrolled(&bazaar, 21, 0).await;
    sign_out_others(&bazaar, &again.token).await;
    assert_eq!(node.cut_off().await, v1::Reason::REASON_NO_SESSION);
    bystander.beat().await;

    // the attempt was not touched: with another session it goes on
    node.token = again.token;
    let dropped = node.attend(&bazaar, std::slice::from_ref(&work.attempt_id)).await;
    assert!(dropped.is_empty(), "{dropped:?}");
    node.pass(&bazaar, 5).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, v1::JobState::Verifying).await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_node_is_cut_off_when_it_is_banned_and_when_its_session_is_out_of_time() {
    let bazaar = Bazaar::open().await;
    let mut banned = Node::stand_by(&bazaar, 21).await;
    bazaar.world.verb(&["admin", "node", "ban", &banned.id, "--reason", "it lied"]).unwrap();
    assert_eq!(banned.cut_off().await, v1::Reason::REASON_NO_SESSION);

    let mut old = Node::stand_by(&bazaar, 22).await;
    // a session that is never renewed lasts thirty days
    bazaar.advance(30 * 24 * 3600);
    assert_eq!(old.cut_off().await, v1::Reason::REASON_NO_SESSION);
    bazaar.close().await;
}
