//! Settlements that come after the escrow's time: the chain gives everything back, whoever asks it to.

use cyxwiz_chain::Coin;
use cyxwiz_chain::escrow::policy::JobId as EscrowJob;
use cyxwiz_proto::v1::JobState;
use solana_signer::Signer as _;

use super::bazaar::Bazaar;
use super::node::Node;

/// A job that ran well and waits for its settlement, and the chain's clock is past its escrow's time.
async fn overdue(bazaar: &Bazaar, node: &mut Node) -> cyxwiz_proto::v1::Job {
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(bazaar).await;
    node.pass(bazaar, 10).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.wait_for_rows(&job.id, "assign", "landed").await;
    let verifying = bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.devnet.travel(verifying.terms.as_option().unwrap().expire_at + 5);
    verifying
}

async fn alarms(bazaar: &Bazaar) -> Vec<String> {
    sqlx::query_scalar("SELECT what FROM alarms").fetch_all(bazaar.world.db().pool()).await.unwrap()
}

#[tokio::test]
async fn a_settlement_that_comes_too_late_gives_everything_back_and_rings() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = overdue(&bazaar, &mut node).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Refunded).await;
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    assert_eq!(bazaar.tokens(&node.payout).await, 0);
    let cost = done.cost.as_option().unwrap();
    assert_eq!((cost.charged, cost.refund), (0, 600_000));
    let counts = bazaar.closings(&job.id).await;
    assert_eq!((counts.get("settled"), counts.get("given back")), (None, Some(&1)), "{counts:?}");
    let what = format!("{} was not settled before its escrow's time ended", job.id);
    assert_eq!(alarms(&bazaar).await, [what]);
    bazaar.close().await;
}

#[tokio::test]
async fn an_escrow_that_somebody_expired_first_is_found_and_booked_once() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = overdue(&bazaar, &mut node).await;
    let (_, order) = Bazaar::order(&job);
    let escrow_job: EscrowJob = order.job;
    let buyer = bazaar.wallet.pubkey();
    let account = bazaar.rpc.escrow(&bazaar.contract, &buyer, escrow_job).await.unwrap().unwrap();
    // anybody may, once the time is over
    bazaar.land(&bazaar.contract.expire(buyer, &account)).await;
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    bazaar.advance(61);
    bazaar.until(&job.id, JobState::Refunded).await;
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    assert_eq!(bazaar.tokens(&node.payout).await, 0);
    assert_eq!(bazaar.closings(&job.id).await.get("given back"), Some(&1));
    bazaar.close().await;
}
