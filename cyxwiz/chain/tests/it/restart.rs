//! The chain itself goes away and comes back.

use std::time::Duration;

use cyxwiz_chain::{Backoff, Coin, Courier, Ledger as _, Money, Outcome, Policy};
use solana_signer::Signer as _;

use crate::support::devnet::Devnet;
use crate::support::{Notes, books, land};

fn patient() -> Policy {
    Policy {
        poll: Duration::from_millis(50),
        backoff: Backoff { first: Duration::from_millis(50), most: Duration::from_millis(300) },
        ..Policy::outbox()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_killed_keeps_what_it_confirmed_and_sends_outlive_it() {
    let mut devnet = Devnet::start(20);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 7));
    let landed = land(&rpc, &draft, &[&buyer]).await;
    let time = rpc.time().await.unwrap();
    // signed and recorded, and then nothing answers any more
    let signed = draft.sign(rpc.lifetime().await.unwrap(), &[&buyer]).unwrap();
    devnet.kill();
    let notes = Notes::default();
    let courier = Courier::new(rpc.clone(), patient());
    let (sending, paying) = (courier.clone(), draft.clone());
    let key = buyer.insecure_clone();
    let task = tokio::spawn(async move {
        let first = sending.send(&signed).await;
        let second = sending.deliver(&paying, &[&key], &mut notes.clone()).await;
        (first, second)
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    devnet.restart();
    let (first, second) = task.await.unwrap();
    // what was signed for a block of before names one that the chain has outlived
    assert_eq!(first, Outcome::Expired);
    assert_eq!(second.unwrap().error, None);
    assert_eq!(books(&rpc, &contract, &buyer.pubkey(), Coin::Usdc).await, (14, 0));
    assert!(rpc.sight(&landed.signature).await.unwrap().seen.is_some(), "history is kept");
    let after = rpc.time().await.unwrap();
    assert!((0..60).contains(&(after.0 - time.0)), "the clock went from {time:?} to {after:?}");
    assert_eq!(devnet.report["deployed"], "stood there already");
    assert!(devnet.state().join("chain.sqlite").exists());
}
