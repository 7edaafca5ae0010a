//! A job's money from deposit to payout, in both coins.

use cyxwiz_chain::escrow::EscrowError;
use cyxwiz_chain::escrow::policy::{Amount, Charge, Epoch, JobId, Split};
use cyxwiz_chain::{ChainError, Coin, Money, PayoutGap};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use crate::support::devnet::Devnet;
use crate::support::market::Market;
use crate::support::{attempt, books, land, tokens};

#[tokio::test]
async fn a_job_in_usdc_pays_node_and_platform_and_gives_the_rest_back() {
    let market = Market::start();
    let (contract, rpc, buyer) = (market.devnet.contract(), &market.rpc, market.buyer.pubkey());
    // a node that never held a token: its account is created by the settlement
    let node = Keypair::new().pubkey();
    let job = JobId([1; 16]);
    let before = rpc.lamports(&buyer).await.unwrap();

    market.open(Coin::Usdc, job, 1_000_001).await;
    assert_eq!(books(rpc, &contract, &buyer, Coin::Usdc).await, (2_000_002, 1_000_001));
    let top_up = contract.top_up(market.settle.pubkey(), (buyer, job), Money::new(Coin::Usdc, 999_999));
    land(rpc, &top_up, &[&market.settle]).await;
    let account = market.assign(job, node, 1).await;
    assert_eq!(account.escrow.deposit, Amount(2_000_000));

    let charge = Charge { charged: Amount(1_234_567), epoch: Epoch(1) };
    let split = Split::of(account.escrow.deposit, charge.charged, account.escrow.fee).unwrap();
    let settle = contract.settle(market.settle.pubkey(), &account, charge, PayoutGap::default()).unwrap();
    land(rpc, &settle, &[&market.settle]).await;
    assert_eq!(market.escrow(job).await, None);
    assert_eq!(tokens(rpc, &contract, &node).await, split.node.0);
    assert_eq!(tokens(rpc, &contract, &market.devnet.address("treasury")).await, split.platform.0);
    assert_eq!(books(rpc, &contract, &buyer, Coin::Usdc).await, (3_000_003 - 1_234_567, 0));

    // everything out again: the wallet paid for the job, and for signatures
    land(rpc, &contract.close_balance(buyer, Coin::Usdc), &[&market.buyer]).await;
    assert_eq!(tokens(rpc, &contract, &buyer).await, 10_000_000_000 - 1_234_567);
    let spent = before.0 - rpc.lamports(&buyer).await.unwrap().0;
    assert!(spent <= 3 * 5_000, "{spent} lamports stayed somewhere");
}

#[tokio::test]
async fn a_job_in_sol_pays_a_wallet_that_does_not_exist_yet() {
    let market = Market::start();
    let (contract, rpc, buyer) = (market.devnet.contract(), &market.rpc, market.buyer.pubkey());
    let node = Keypair::new().pubkey();
    let job = JobId([2; 16]);
    market.open(Coin::Sol, job, 100_000).await;
    let account = market.assign(job, node, 1).await;
    let charge = Charge { charged: Amount(10_000), epoch: Epoch(1) };
    let split = Split::of(account.escrow.deposit, charge.charged, account.escrow.fee).unwrap();
    let settle_key = market.settle.pubkey();

    // nine thousand lamports are too few for a wallet to exist: the program refuses, before anybody pays a fee
    let bare = contract.settle(settle_key, &account, charge, PayoutGap::default()).unwrap();
    let refused = attempt(rpc, &bare, &[&market.settle]).await;
    let Err(ChainError::Refused(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why.escrow(), Some(EscrowError::PayoutBelowRent));

    let minimum = rpc.rents().await.unwrap().wallet;
    let settle = contract.settle(settle_key, &account, charge, market.gap(&node, &split).await).unwrap();
    land(rpc, &settle, &[&market.settle]).await;
    assert_eq!(rpc.lamports(&node).await.unwrap(), minimum);
    assert_eq!(books(rpc, &contract, &buyer, Coin::Sol).await, (290_000, 0));
}

#[tokio::test]
async fn a_job_that_stays_where_it_is_takes_three_signatures_in_either_coin() {
    let market = Market::start();
    let contract = market.devnet.contract();
    let (buyer, settle_key) = (market.buyer.pubkey(), market.settle.pubkey());
    for (coin, byte) in [(Coin::Sol, 6), (Coin::Usdc, 7)] {
        // the dearest case: no balance yet, and a payee who has no account of any kind
        let (job, node) = (JobId([byte; 16]), Keypair::new().pubkey());
        market.open(coin, job, 100_000).await;
        let account = market.assign(job, node, 1).await;
        let charge = Charge { charged: Amount(10_000), epoch: Epoch(1) };
        let split = Split::of(account.escrow.deposit, charge.charged, account.escrow.fee).unwrap();
        let gap = match coin {
            Coin::Sol => market.gap(&node, &split).await,
            Coin::Usdc => PayoutGap::default(),
        };
        let settle = contract.settle(settle_key, &account, charge, gap).unwrap();
        land(&market.rpc, &settle, &[&market.settle]).await;
        assert_eq!(market.escrow(job).await, None);
        // as the chain has them: deposit and open, assign, settle
        let (signers, fees) = market.devnet.signatures(&contract.program.escrow(&buyer, job));
        assert_eq!(signers, [buyer, settle_key, settle_key], "{coin}");
        assert_eq!(fees, 3 * 5_000, "{coin}: the chain counts signatures by their price");
    }
}

#[tokio::test]
async fn what_is_refused_says_why_and_moves_nothing() {
    let market = Market::start();
    let (contract, rpc, buyer) = (market.devnet.contract(), &market.rpc, market.buyer.pubkey());
    let (one, two) = (JobId([3; 16]), JobId([4; 16]));
    let account = market.open(Coin::Usdc, one, 10).await;
    let expect = async |draft, signers: &[&Keypair], wanted| {
        let ended = attempt(rpc, &draft, signers).await;
        let Err(ChainError::Refused(why)) = ended else { panic!("{ended:?}") };
        assert_eq!(why.escrow(), Some(wanted), "{why}");
    };
    let stranger = market.devnet.wallet("seller");
    let (node, key) = (stranger.pubkey(), market.settle.pubkey());
    let assign = |by| contract.assign(by, (buyer, one), node, Epoch(1));
    expect(assign(node), &[&stranger], EscrowError::NotSettleKey).await;
    expect(contract.refund(node, &account), &[&stranger], EscrowError::NotSettleKey).await;
    expect(contract.expire(node, &account), &[&stranger], EscrowError::NotExpired).await;
    let withdraw = contract.withdraw(buyer, Money::new(Coin::Usdc, 21));
    expect(withdraw, &[&market.buyer], EscrowError::InsufficientFree).await;
    expect(contract.set_paused(node, true), &[&stranger], EscrowError::NotAdmin).await;

    let assigned = market.assign(one, node, 5).await;
    expect(contract.cancel(&assigned), &[&market.buyer], EscrowError::AlreadyAssigned).await;
    let stale = Charge { charged: Amount(1), epoch: Epoch(4) };
    let settle = contract.settle(key, &assigned, stale, PayoutGap::default()).unwrap();
    expect(settle, &[&market.settle], EscrowError::StaleEpoch).await;
    land(rpc, &contract.refund(key, &assigned), &[&market.settle]).await;

    let open = market.open(Coin::Usdc, two, 10).await;
    land(rpc, &contract.cancel(&open), &[&market.buyer]).await;
    assert_eq!(books(rpc, &contract, &buyer, Coin::Usdc).await, (60, 0));
    assert_eq!(tokens(rpc, &contract, &buyer).await, 10_000_000_000 - 60);
}

#[tokio::test]
async fn the_admin_hands_over_and_pauses() {
    let devnet = Devnet::start(50);
    let (rpc, contract) = (devnet.rpc(), devnet.contract());
    let (admin, next, buyer) = (devnet.wallet("admin"), devnet.wallet("seller"), devnet.wallet("buyer"));
    land(&rpc, &contract.propose_admin(admin.pubkey(), next.pubkey()), &[&admin]).await;
    land(&rpc, &contract.accept_admin(next.pubkey()), &[&next]).await;
    let people = Keypair::new().pubkey();
    land(&rpc, &contract.set_treasury(next.pubkey(), people), &[&next]).await;
    land(&rpc, &contract.set_settle_key(next.pubkey(), people, true), &[&next]).await;
    land(&rpc, &contract.set_fee(next.pubkey(), cyxwiz_chain::escrow::policy::BasisPoints(500)), &[&next])
        .await;
    land(&rpc, &contract.set_coin(next.pubkey(), Coin::Sol, false), &[&next]).await;
    land(&rpc, &contract.set_paused(next.pubkey(), true), &[&next]).await;
    let config = rpc.config(&contract).await.unwrap();
    assert_eq!((config.admin, config.treasury, config.settle_key), (next.pubkey(), people, people));
    assert_eq!((config.fee.0, config.paused, config.mints.count()), (500, true, 1));
    let deposit = contract.deposit(buyer.pubkey(), Money::new(Coin::Usdc, 1));
    let refused = attempt(&rpc, &deposit, &[&buyer]).await;
    let Err(ChainError::Refused(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why.to_string(), "new deposits and opens are paused (Paused)");
}

#[tokio::test]
async fn a_transaction_is_tried_before_a_wallet_signs_it() {
    use cyxwiz_chain::Ledger as _;

    let devnet = Devnet::start(50);
    let (rpc, contract, buyer) = (devnet.rpc(), devnet.contract(), devnet.wallet("buyer"));
    let owner = buyer.pubkey();
    let good = contract.deposit(owner, Money::new(Coin::Usdc, 5));
    let unsigned = good.unsigned(rpc.lifetime().await.unwrap()).unwrap();
    let simulated = rpc.simulate(&unsigned).await.unwrap();
    assert_eq!(simulated.error, None);
    assert!(simulated.units > 0 && simulated.units < 40_000, "{}", simulated.units);
    assert_eq!(rpc.fee(&unsigned).await.unwrap(), Amount(5_000));

    let bad = contract.withdraw(owner, Money::new(Coin::Usdc, 5));
    let unsigned = bad.unsigned(rpc.lifetime().await.unwrap()).unwrap();
    let error = rpc.simulate(&unsigned).await.unwrap().error.unwrap();
    assert_eq!(error.escrow(), Some(EscrowError::NotBalance), "{error}");
}

#[tokio::test]
async fn after_the_deadline_anybody_gives_it_back() {
    let market = Market::start();
    let (contract, rpc, buyer) = (market.devnet.contract(), &market.rpc, market.buyer.pubkey());
    let job = JobId([5; 16]);
    let account = market.open(Coin::Usdc, job, 10).await;
    let assigned = market.assign(job, market.devnet.address("seller"), 1).await;
    let anybody = market.devnet.wallet("deployer");
    market.devnet.travel(account.escrow.expire_at.0 + 1);
    assert!(rpc.time().await.unwrap() > account.escrow.expire_at);
    // too late for the platform
    let charge = Charge { charged: Amount(1), epoch: Epoch(1) };
    let late = contract.settle(market.settle.pubkey(), &assigned, charge, PayoutGap::default()).unwrap();
    let refused = attempt(rpc, &late, &[&market.settle]).await;
    let Err(ChainError::Refused(why)) = refused else { panic!("{refused:?}") };
    assert_eq!(why.escrow(), Some(EscrowError::Expired));
    land(rpc, &contract.expire(anybody.pubkey(), &assigned), &[&anybody]).await;
    assert_eq!(market.escrow(job).await, None);
    assert_eq!(books(rpc, &contract, &buyer, Coin::Usdc).await, (30, 0));
}
