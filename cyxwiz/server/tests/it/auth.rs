//! Signing in, and everything that must not.

use cyxwiz_model::Span;
use serde_json::json;

use crate::support::{Key, World};

#[tokio::test]
async fn a_wallet_signs_in_sees_its_sessions_and_leaves() {
    let world = World::new().await;
    let first = world.buyer(1).await;
    let second = world.buyer(1).await;
    let other = world.buyer(2).await;
    let listed = world.call("AuthService/ListSessions", json!({}), Some(&second.access)).await;
    let sessions = listed.body["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{listed:?}");
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);

    let foreign =
        world.call("AuthService/Logout", json!({ "sessionId": other.id }), Some(&first.access)).await;
    assert_eq!((foreign.status, foreign.reason().as_str()), (404, "REASON_NOT_FOUND"));
    assert!(world.is_good(&other.access).await);

    let ended =
        world.call("AuthService/Logout", json!({ "sessionId": second.id }), Some(&first.access)).await;
    assert_eq!(ended.status, 200);
    assert!(!world.is_good(&second.access).await);
    let refreshed =
        world.call("AuthService/RefreshSession", json!({ "refreshToken": second.refresh }), None).await;
    assert_eq!((refreshed.status, refreshed.reason().as_str()), (401, "REASON_NO_SESSION"));
    assert_eq!(world.call("AuthService/Logout", json!({}), Some(&first.access)).await.status, 200);
    assert!(!world.is_good(&first.access).await);
    world.close().await;
}

#[tokio::test]
async fn a_message_is_good_once_unchanged_in_time_for_its_own_key() {
    let world = World::new().await;
    let key = Key::of(1);
    let changes: [(&str, &str); 7] = [
        ("market.test wants", "evil.test wants"),
        ("Chain ID: localnet", "Chain ID: mainnet"),
        ("urn:cyxwiz:role:buyer", "urn:cyxwiz:role:node"),
        ("URI: http://", "URI: https://"),
        ("Version: 1", "Version: 2"),
        ("Sign in to CyxWiz.", "Give everything away."),
        ("role:buyer", "role:buyer\n- urn:more"),
    ];
    for (from, to) in changes {
        let message = world.challenge(&key, "ROLE_BUYER").await;
        assert!(message.contains(from), "{message}");
        let changed = message.replace(from, to);
        let answer = world.verify(&changed, &key.sign(&changed)).await;
        assert_eq!((answer.status, answer.reason().as_str()), (401, "REASON_BAD_CHALLENGE"), "{to}");
        // and the one that was tampered with is used up
        let answer = world.verify(&message, &key.sign(&message)).await;
        assert_eq!(answer.reason(), "REASON_BAD_CHALLENGE", "{to}");
    }

    let message = world.challenge(&key, "ROLE_BUYER").await;
    let invented = message.replace(&message[message.find("Nonce: ").unwrap() + 7..][..32], &"0".repeat(32));
    assert_eq!(world.verify(&invented, &key.sign(&invented)).await.reason(), "REASON_BAD_CHALLENGE");

    let answer = world.verify(&message, &key.sign(&message)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let again = world.verify(&message, &key.sign(&message)).await;
    assert_eq!(again.reason(), "REASON_BAD_CHALLENGE");

    let late = world.challenge(&key, "ROLE_BUYER").await;
    world.clock.advance(Span::seconds(301));
    assert_eq!(world.verify(&late, &key.sign(&late)).await.reason(), "REASON_BAD_CHALLENGE");
    for nonsense in ["", "Nonce: ", &"x".repeat(100_000)] {
        assert_eq!(world.verify(nonsense, &[0; 64]).await.reason(), "REASON_BAD_CHALLENGE");
    }
    world.close().await;
}

#[tokio::test]
async fn only_the_keys_own_and_only_form_of_a_signature_holds() {
    let world = World::new().await;
    let key = Key::of(1);
    let message = world.challenge(&key, "ROLE_BUYER").await;
    let foreign = world.verify(&message, &Key::of(2).sign(&message)).await;
    assert_eq!((foreign.status, foreign.reason().as_str()), (401, "REASON_BAD_SIGNATURE"));

    let message = world.challenge(&key, "ROLE_BUYER").await;
    let mut signature = key.sign(&message);
    add_order(&mut signature);
    assert_eq!(world.verify(&message, &signature).await.reason(), "REASON_BAD_SIGNATURE");

    for bad in [&[][..], &[0; 63], &[0; 64], &[0; 65], &[255; 64]] {
        let message = world.challenge(&key, "ROLE_BUYER").await;
        assert_eq!(world.verify(&message, bad).await.reason(), "REASON_BAD_SIGNATURE");
    }
    for address in ["", "0", "11111111111111111111111111111111x", &"1".repeat(500)] {
        let body = json!({ "address": address, "role": "ROLE_BUYER" });
        let answer = world.call("AuthService/CreateChallenge", body, None).await;
        assert_eq!((answer.status, answer.reason().as_str()), (400, "REASON_BAD_REQUEST"));
    }
    world.close().await;
}

/// A second form of the same signature: its scalar and the group's order.
fn add_order(signature: &mut [u8; 64]) {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, order) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
}

#[tokio::test]
async fn tokens_rotate_expire_and_a_used_one_ends_the_session() {
    let world = World::new().await;
    let session = world.buyer(1).await;
    let refresh = async |token: &str| {
        world.call("AuthService/RefreshSession", json!({ "refreshToken": token }), None).await
    };
    world.clock.advance(Span::seconds(15 * 60 - 1));
    assert!(world.is_good(&session.access).await);
    world.clock.advance(Span::seconds(1));
    assert!(!world.is_good(&session.access).await);

    let second = refresh(&session.refresh).await.session();
    assert_eq!(second.id, session.id);
    let third = refresh(&second.refresh).await.session();
    assert!(!world.is_good(&second.access).await, "the old pair ends");
    assert!(world.is_good(&third.access).await);

    // somebody shows a token that was used before: nobody knows which of the two is the owner
    let stolen = refresh(&second.refresh).await;
    assert_eq!((stolen.status, stolen.reason().as_str()), (401, "REASON_NO_SESSION"));
    assert!(!world.is_good(&third.access).await);
    assert_eq!(refresh(&third.refresh).await.status, 401);

    // an access token refreshes nothing, a refresh token opens no call
    let fresh = world.buyer(1).await;
    assert_eq!(refresh(&fresh.access).await.status, 401);
    assert!(!world.is_good(&fresh.refresh).await);
    world.clock.advance(Span::seconds(30 * 24 * 3600));
    assert_eq!(refresh(&fresh.refresh).await.status, 401);
    world.close().await;
}

#[tokio::test]
async fn no_token_is_kept_in_clear() {
    let world = World::new().await;
    let session = world.buyer(1).await;
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT t::text FROM tokens t").fetch_all(world.db().pool()).await.unwrap();
    assert_eq!(rows.len(), 2);
    for token in [&session.access, &session.refresh] {
        assert!(rows.iter().all(|row| !row.contains(token.as_str())));
    }
    world.close().await;
}

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_back() {
    let world = World::with(1, |settings| {
        settings.calls_per_address = Some(4);
        settings.calls_per_account = Some(6);
    })
    .await;
    let session = world.buyer(1).await;
    for _ in 0..6 {
        assert!(world.is_good(&session.access).await);
    }
    let refused = world.call("AuthService/ListSessions", json!({}), Some(&session.access)).await;
    assert_eq!((refused.status, refused.reason().as_str()), (429, "REASON_RATE_LIMITED"));
    // two calls signed it in, two more without a session pass
    let mut last = 0;
    for _ in 0..3 {
        last = world.call("AuthService/ListSessions", json!({}), Some("wrong")).await.status;
    }
    assert_eq!(last, 429);
    world.close().await;
}

#[tokio::test]
async fn old_sessions_end_when_there_are_too_many() {
    let world = World::with(1, |settings| settings.calls_per_address = Some(1000)).await;
    let first = world.buyer(1).await;
    for _ in 0..32 {
        world.clock.advance(Span::seconds(1));
        world.buyer(1).await;
    }
    assert!(!world.is_good(&first.access).await);
    world.close().await;
}
