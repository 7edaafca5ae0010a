//! The RPC cut, and the sender killed, at every step of a send: no double pay, no lost pay.

use std::time::Duration;

use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::{
    Backoff, BlockHeight, ChainError, Coin, Contract, Courier, Ledger as _, Lifetime, Money, Outcome, Policy,
    Rpc,
};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use crate::support::Notes;
use crate::support::books;
use crate::support::devnet::Devnet;
use crate::support::proxy::{Cut, RpcProxy};

/// How long the RPC is away after a cut.
const OUTAGE: Duration = Duration::from_millis(300);

/// As an outbox sends, in the pace of a fast chain.
fn quick() -> Policy {
    Policy {
        poll: Duration::from_millis(30),
        resend: Duration::from_millis(400),
        backoff: Backoff { first: Duration::from_millis(30), most: Duration::from_millis(200) },
        ..Policy::outbox()
    }
}

/// What an outbox does from its notes, also after a crash.
async fn work(rpc: &Rpc, contract: &Contract, buyer: &Keypair, notes: &Notes) {
    let courier = Courier::new(rpc.clone(), quick());
    if let Some(signed) = notes.last() {
        match courier.resume(&signed).await {
            Outcome::Landed { error: None, .. } => return,
            Outcome::Expired => {}
            other => panic!("{other:?}"),
        }
    }
    let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 7));
    let delivered = courier.deliver(&draft, &[buyer], &mut notes.clone()).await.unwrap();
    assert_eq!(delivered.error, None);
}

#[tokio::test]
async fn a_cut_at_every_step_pays_once() {
    let devnet = Devnet::start(20);
    let (contract, buyer) = (devnet.contract(), devnet.wallet("buyer"));
    let proxy = RpcProxy::start(devnet.rpc_port, OUTAGE).await;
    let (through, direct) = (Rpc::new(&proxy.url()), devnet.rpc());
    let (mut paid, mut cuts) = (0, Vec::new());
    for cut in [Cut::Before, Cut::After] {
        for number in 0.. {
            proxy.arm(number, cut);
            work(&through, &contract, &buyer, &Notes::default()).await;
            paid += 7;
            let free = books(&direct, &contract, &buyer.pubkey(), Coin::Usdc).await.0;
            assert_eq!(free, paid, "cut {cut:?} at call {number} ({:?})", proxy.cut(number));
            match proxy.cut(number) {
                Some(method) => cuts.push((cut, method)),
                None => break,
            }
        }
    }
    were_cut(&cuts, ["getLatestBlockhash", "sendTransaction", "getSignatureStatuses"]);
}

/// Each kind of call was cut both ways; else the test shows less than it says.
fn were_cut(cuts: &[(Cut, String)], methods: [&str; 3]) {
    for cut in [Cut::Before, Cut::After] {
        for method in methods {
            assert!(cuts.contains(&(cut, method.to_owned())), "{cut:?} {method} not in {cuts:?}");
        }
    }
}

#[tokio::test]
async fn a_sender_that_dies_at_every_step_pays_once() {
    let devnet = Devnet::start(20);
    let cuts = die_everywhere(&devnet, async |_, _| Notes::default()).await;
    were_cut(&cuts, ["getLatestBlockhash", "sendTransaction", "getSignatureStatuses"]);
}

#[tokio::test]
async fn a_sender_that_dies_at_every_step_of_going_on_pays_once() {
    let devnet = Devnet::start(20);
    // who was there before recorded what he signed, and died before he sent it
    let recorded = async |rpc: &Rpc, buyer: &Keypair| {
        let draft = devnet.contract().deposit(buyer.pubkey(), Money::new(Coin::Usdc, 7));
        let signed = draft.sign(rpc.lifetime().await.unwrap(), &[buyer]).unwrap();
        let notes = Notes::default();
        notes.0.lock().unwrap().push(signed);
        notes
    };
    let cuts = die_everywhere(&devnet, recorded).await;
    were_cut(&cuts, ["getSignatureStatuses", "getEpochInfo", "sendTransaction"]);
}

/// Payments by a sender that dies when one of his calls is cut, each time another one, until none is left to cut;
/// his successor finds the notes. Which calls those were.
async fn die_everywhere(
    devnet: &Devnet,
    notes_before: impl AsyncFn(&Rpc, &Keypair) -> Notes,
) -> Vec<(Cut, String)> {
    let (contract, buyer) = (devnet.contract(), devnet.wallet("buyer"));
    let proxy = RpcProxy::start(devnet.rpc_port, OUTAGE).await;
    let (through, direct) = (Rpc::new(&proxy.url()), devnet.rpc());
    let (mut paid, mut cuts) = (0, Vec::new());
    for cut in [Cut::Before, Cut::After] {
        for number in 0.. {
            let notes = notes_before(&direct, &buyer).await;
            proxy.arm(number, cut);
            let died = tokio::select! {
                biased;
                () = proxy.happened() => true,
                () = work(&through, &contract, &buyer, &notes) => false,
            };
            let at = proxy.cut(number);
            // another process finds the notes, while the RPC is still away
            if died {
                work(&through, &contract, &buyer, &notes).await;
            }
            paid += 7;
            let free = books(&direct, &contract, &buyer.pubkey(), Coin::Usdc).await.0;
            assert_eq!(free, paid, "died {cut:?} call {number} ({at:?})");
            match at {
                Some(method) if died => cuts.push((cut, method)),
                _ => break,
            }
        }
    }
    cuts
}

#[tokio::test]
async fn the_same_bytes_land_once_however_often_they_are_sent() {
    let devnet = Devnet::start(20);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 7));
    let signed = draft.sign(rpc.lifetime().await.unwrap(), &[&buyer]).unwrap();
    let courier = Courier::new(rpc.clone(), quick());
    let ends = futures::future::join_all((0..8).map(|_| courier.send(&signed))).await;
    assert!(ends.iter().all(|end| matches!(end, Outcome::Landed { error: None, .. })), "{ends:?}");
    assert!(matches!(courier.resume(&signed).await, Outcome::Landed { .. }));
    assert_eq!(books(&rpc, &contract, &buyer.pubkey(), Coin::Usdc).await, (7, 0));
}

#[tokio::test]
async fn bytes_whose_time_is_over_are_signed_anew_only_then() {
    let devnet = Devnet::start(10);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 7));
    let lifetime = rpc.lifetime().await.unwrap();
    let signed = draft.sign(lifetime, &[&buyer]).unwrap();
    // never sent: the record alone cannot tell, so it is watched until it cannot land any more
    let start = rpc.tip().await.unwrap().height;
    assert!(start <= lifetime.last_valid);
    let watched = Policy { resend: Duration::from_secs(3600), ..quick() };
    let mut attempt = cyxwiz_chain::Attempt::resumed(signed.last_valid(), watched);
    // it was sent a moment ago by the process that died, so to say
    attempt.sent(cyxwiz_chain::Reply::Accepted, Duration::ZERO);
    let tip = rpc.tip().await.unwrap();
    attempt.found(tip);
    assert!(matches!(attempt.step(Duration::ZERO), cyxwiz_chain::Step::Wait(_)));
    while rpc.tip().await.unwrap().height <= lifetime.last_valid {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(Courier::new(rpc.clone(), quick()).resume(&signed).await, Outcome::Expired);
    // and the chain agrees
    assert!(matches!(rpc.send(&signed).await, cyxwiz_chain::Reply::Refused(_)));
    assert_eq!(books(&rpc, &contract, &buyer.pubkey(), Coin::Usdc).await, (0, 0));
}

#[tokio::test]
async fn a_refusal_costs_nothing_and_is_told_at_once() {
    let devnet = Devnet::start(20);
    let (rpc, contract, seller) = (devnet.rpc(), devnet.contract(), devnet.wallet("seller"));
    let before = rpc.lamports(&seller.pubkey()).await.unwrap();
    let draft = contract.deposit(seller.pubkey(), Money::new(Coin::Usdc, u64::MAX));
    let policy = Policy { report_refusal: true, ..quick() };
    let ended = Courier::new(rpc.clone(), policy).deliver(&draft, &[&seller], &mut Notes::default()).await;
    assert!(matches!(ended, Err(ChainError::Refused(_))), "{ended:?}");
    assert_eq!(rpc.lamports(&seller.pubkey()).await.unwrap(), before);
    assert_ne!(before, Amount::ZERO);
}

#[tokio::test]
async fn nothing_answers() {
    let port = crate::support::devnet::free_port();
    let rpc = Rpc::new(&format!("http://127.0.0.1:{port}"));
    let policy = Policy { patience: Duration::from_millis(500), ..quick() };
    let buyer = Keypair::new();
    let contract = Contract {
        program: cyxwiz_chain::Cluster::Localnet.program().unwrap(),
        usdc: cyxwiz_chain::Cluster::Localnet.usdc(),
    };
    let draft = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 1));
    let ended = Courier::new(rpc.clone(), policy).deliver(&draft, &[&buyer], &mut Notes::default()).await;
    assert!(matches!(ended, Err(ChainError::Fault(_))), "{ended:?}");
    let lifetime = Lifetime { blockhash: Default::default(), last_valid: BlockHeight(1) };
    let signed = draft.sign(lifetime, &[&buyer]).unwrap();
    assert_eq!(Courier::new(rpc, policy).send(&signed).await, Outcome::Undecided);
}
