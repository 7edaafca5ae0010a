//! News that survive a broken WebSocket.

use std::collections::HashSet;
use std::time::Duration;

use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::escrow::{BalanceAccount, Event};
use cyxwiz_chain::{Backoff, Coin, Money, News, Watch, WatchPolicy, watch};
use solana_signer::Signer as _;
use tokio::time::timeout;

use crate::support::devnet::Devnet;
use crate::support::land;
use crate::support::proxy::Wire;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_told_once_whatever_the_connection_does() {
    let devnet = Devnet::start(50);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let owner = buyer.pubkey();
    let balance = contract.program.balance(&owner, &contract.usdc);
    let wire = Wire::start(devnet.ws_port).await;
    let mut policy = WatchPolicy::new(&format!("ws://127.0.0.1:{}", wire.port), contract.program.id);
    policy.accounts = vec![balance];
    policy.backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_millis(200) };
    policy.silence = Duration::from_secs(5);
    let mut news = watch(rpc.clone(), policy);
    until_live(&mut news).await;

    let deposit = async |amount| {
        let draft = contract.deposit(owner, Money::new(Coin::Usdc, amount));
        land(&rpc, &draft, &[&buyer]).await
    };
    let mut wanted = Vec::new();
    for round in 0..3_u64 {
        wanted.push(deposit(round * 10 + 1).await.signature);
        wire.down();
        // nobody listens
        wanted.push(deposit(round * 10 + 2).await.signature);
        wanted.push(deposit(round * 10 + 3).await.signature);
        wire.up();
        wanted.push(deposit(round * 10 + 4).await.signature);
    }
    let total: u64 = (0..3).map(|round| round * 40 + 10).sum();
    let (mut told, mut free, mut cuts) = (Vec::new(), Amount::ZERO, 0);
    while told.len() < wanted.len() || free != Amount(total) {
        match timeout(SOON, news.next()).await.expect("news in time").expect("a feed") {
            News::Events { signature, events, .. } => {
                assert!(matches!(events.as_slice(), [Event::Deposited { .. }]), "{events:?}");
                told.push(signature);
            }
            News::Account { account, .. } => {
                let books = BalanceAccount::decode(&account.unwrap().data).unwrap().balance;
                assert!(books.free >= free, "an account went back");
                free = books.free;
            }
            News::Cut => cuts += 1,
            News::Live => {}
            News::Skipped => panic!("nothing may be skipped"),
        }
    }
    let once: HashSet<_> = told.iter().collect();
    assert_eq!(once.len(), told.len(), "told twice");
    assert_eq!(once, wanted.iter().collect());
    assert!(cuts > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_goes_on_from_where_it_was() {
    let devnet = Devnet::start(50);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let deposit = async |amount| {
        let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Sol, amount));
        land(&rpc, &draft, &[&buyer]).await.signature
    };
    let (seen, missed) = (deposit(1).await, deposit(2).await);
    let mut policy = WatchPolicy::new(&devnet.ws_url(), contract.program.id);
    policy.since = Some(seen);
    let mut news = watch(rpc.clone(), policy);
    let first = timeout(SOON, news.next()).await.unwrap().unwrap();
    assert!(matches!(first, News::Events { signature, .. } if signature == missed), "{first:?}");
    until_live(&mut news).await;
    let live = deposit(3).await;
    let next = timeout(SOON, news.next()).await.unwrap().unwrap();
    assert!(matches!(next, News::Events { signature, .. } if signature == live), "{next:?}");
}

async fn until_live(news: &mut Watch) {
    loop {
        let next = timeout(SOON, news.next()).await.expect("a connection").expect("a feed");
        if next == News::Live {
            return;
        }
    }
}
