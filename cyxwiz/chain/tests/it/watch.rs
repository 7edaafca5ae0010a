//! News that survive a broken WebSocket.

use std::collections::HashSet;
use std::time::Duration;

use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::escrow::{BalanceAccount, Event};
use cyxwiz_chain::{Backoff, Coin, Money, News, Rpc, Watch, WatchPolicy, watch};
use solana_signer::Signer as _;
use tokio::time::{Instant, timeout};

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

/// Nothing answers for so long, neither calls nor the WebSocket, while the chain goes on.
async fn outage(length: Duration, most: Duration) {
    let devnet = Devnet::start(50);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let balance = contract.program.balance(&buyer.pubkey(), &contract.usdc);
    let (calls, socket) = (Wire::start(devnet.rpc_port).await, Wire::start(devnet.ws_port).await);
    let mut policy = WatchPolicy::new(&format!("ws://127.0.0.1:{}", socket.port), contract.program.id);
    policy.accounts = vec![balance];
    policy.backoff.most = most;
    let mut news = watch(Rpc::new(&format!("http://127.0.0.1:{}", calls.port)), policy);
    until_live(&mut news).await;
    calls.down();
    socket.down();
    let mut wanted = Vec::new();
    let start = Instant::now();
    let mut cuts = 0_u32;
    while start.elapsed() < length || cuts < 3 {
        let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 1));
        wanted.push(land(&rpc, &draft, &[&buyer]).await.signature);
        let next = timeout(SOON, news.next()).await.expect("another try").expect("a feed");
        assert_eq!(next, News::Cut);
        cuts += 1;
    }
    calls.up();
    socket.up();
    let (mut told, mut free) = (Vec::new(), Amount::ZERO);
    let mut lives = 0;
    while lives == 0 {
        match timeout(SOON, news.next()).await.expect("news in time").expect("a feed") {
            News::Events { signature, .. } => told.push(signature),
            News::Account { account, .. } => {
                free = BalanceAccount::decode(&account.unwrap().data).unwrap().balance.free;
            }
            News::Live => lives += 1,
            News::Cut => {}
            News::Skipped => panic!("nothing may be skipped"),
        }
    }
    // in their order, each once
    assert_eq!(told, wanted);
    assert_eq!(free, Amount(u64::try_from(wanted.len()).unwrap()));
    println!("away for {:?}: {} tries, {} transactions", start.elapsed(), cuts, told.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_calls_and_web_socket_loses_nothing() {
    outage(Duration::from_secs(5), Duration::from_secs(1)).await;
}

mod full {
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nor_does_one_of_minutes() {
        let minutes = std::env::var("CYXWIZ_OUTAGE_MINUTES").ok().and_then(|text| text.parse().ok());
        let length = Duration::from_secs(60 * minutes.unwrap_or(5));
        super::outage(length, cyxwiz_chain::Backoff::default().most).await;
    }
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
