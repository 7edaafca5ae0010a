//! Escrows, quotes, disputes, and what happens on the chain without the server.

use cyxwiz_chain::Coin;
use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_proto::v1::{self, JobState};
use solana_signer::Signer as _;

use super::bazaar::{Bazaar, reason};
use super::node::Node;

#[tokio::test]
async fn an_escrow_on_other_terms_queues_nothing_and_says_in_what_it_differs() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 5_000_000).await;
    let _node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.create(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    bazaar.upload(&job).await;
    let queue = async |signature: String| {
        let request =
            v1::QueueJobRequest { job_id: job.id.clone(), open_signature: signature, ..Default::default() };
        bazaar.jobs().queue_job(request).await
    };
    let some = bs58::encode([1; 64]).into_string();
    let none = queue(some.clone()).await.unwrap_err();
    assert_eq!(reason(&none), v1::Reason::REASON_ESCROW_MISMATCH);
    let (coin, mut order) = Bazaar::order(&job);
    order.deposit = Amount(order.deposit.0 - 1);
    let buyer = bazaar.wallet.pubkey();
    bazaar.land(&bazaar.contract.open(buyer, buyer, coin, order)).await;
    let less = queue(some).await.unwrap_err();
    assert_eq!(reason(&less), v1::Reason::REASON_ESCROW_MISMATCH);
    assert!(less.message.unwrap().contains("0.599999 USDC are set aside, 0.6 USDC were agreed"));
    assert_eq!(bazaar.job(&job.id).await.state.as_known(), Some(JobState::Draft));
    bazaar.close().await;
}

#[tokio::test]
async fn files_that_are_missing_are_named_and_the_escrow_is_remembered() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 5_000_000).await;
    let _node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.create(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let open_signature = bazaar.fund(&job).await;
    let request = v1::QueueJobRequest { job_id: job.id.clone(), open_signature, ..Default::default() };
    let refused = bazaar.jobs().queue_job(request.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_FILES_MISSING);
    assert_eq!(bazaar.job(&job.id).await.state.as_known(), Some(JobState::Funded));
    bazaar.upload(&job).await;
    bazaar.jobs().queue_job(request.clone()).await.unwrap();
    // again is the same
    bazaar.jobs().queue_job(request).await.unwrap();
    bazaar.close().await;
}

#[tokio::test]
async fn the_same_key_makes_the_same_job() {
    let bazaar = Bazaar::open().await;
    let _node = Node::stand_by(&bazaar, 21).await;
    let one = bazaar.create(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let again = bazaar.create(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    assert_eq!(one.id, again.id);
    let other = Bazaar::spec(Coin::Usdc, 601);
    let estimate = v1::EstimateJobRequest { spec: other.clone().into(), ..Default::default() };
    let quote = bazaar.jobs().estimate_job(estimate).await.unwrap().into_owned().quote;
    let file =
        v1::FileInfo { path: "train.py".to_owned(), size: 1, sha256: vec![0; 32], ..Default::default() };
    let request = v1::CreateJobRequest {
        spec: other.into(),
        quote,
        files: vec![file],
        idempotency_key: "one".to_owned(),
        ..Default::default()
    };
    let refused = bazaar.jobs().create_job(request.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_IDEMPOTENCY_CONFLICT);
    // a quote is good for a minute
    bazaar.advance(61);
    let late = v1::CreateJobRequest { idempotency_key: "late".to_owned(), ..request };
    let refused = bazaar.jobs().create_job(late).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_QUOTE_EXPIRED);
    bazaar.close().await;
}

async fn dispute(bazaar: &Bazaar, id: &str) -> v1::DisputeJobResponse {
    let request = v1::DisputeJobRequest {
        job_id: id.to_owned(),
        reason: "it is wrong".to_owned(),
        ..Default::default()
    };
    bazaar.jobs().dispute_job(request).await.unwrap().into_owned()
}

#[tokio::test]
async fn a_dispute_goes_by_the_evidence() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 5_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    // all is well: it is settled
    let well = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "well").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;
    let output = node.upload(&bazaar, &work, ("output", "model.pt"), b"weights", None).await;
    node.finish(&work, "succeeded", vec![output]).await;
    bazaar.until(&well.id, JobState::Verifying).await;
    let answer = dispute(&bazaar, &well.id).await;
    assert!(!answer.upheld, "{:?}", answer.evidence);
    bazaar.advance(61);
    bazaar.until(&well.id, JobState::Completed).await;
    node.pass(&bazaar, 5).await;
    // an output vanished from the store: everything goes back
    let gone = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "gone").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;
    let output = node.upload(&bazaar, &work, ("output", "model.pt"), b"weights", None).await;
    node.finish(&work, "succeeded", vec![output]).await;
    bazaar.until(&gone.id, JobState::Verifying).await;
    sqlx::query("UPDATE files SET state = 'open', received = 0 WHERE kind = 'output'")
        .execute(bazaar.world.db().pool())
        .await
        .unwrap();
    let answer = dispute(&bazaar, &gone.id).await;
    assert!(answer.upheld, "{:?}", answer.evidence);
    let done = bazaar.until(&gone.id, JobState::Refunded).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "dispute");
    let late = v1::DisputeJobRequest { job_id: gone.id, reason: "again".to_owned(), ..Default::default() };
    let late = bazaar.jobs().dispute_job(late).await.unwrap_err();
    assert_eq!(reason(&late), v1::Reason::REASON_WRONG_STATE);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn an_escrow_that_its_buyer_cancels_on_the_chain_ends_the_job() {
    let bazaar = Bazaar::funded().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    node.hang_up();
    bazaar.advance(11);
    let job = bazaar.submit_waiting(Bazaar::spec(Coin::Usdc, 600), "one").await;
    let escrow_job = cyxwiz_chain::escrow::policy::JobId(
        job.id.parse::<cyxwiz_model::JobId>().unwrap().as_bytes().to_owned(),
    );
    let account =
        bazaar.rpc.escrow(&bazaar.contract, &bazaar.wallet.pubkey(), escrow_job).await.unwrap().unwrap();
    bazaar.land(&bazaar.contract.cancel(&account)).await;
    node.attend(&bazaar, &[]).await;
    let work = node.assignment().await;
    node.answer(&work, true).await;
    let done = bazaar.until(&job.id, JobState::Refunded).await;
    assert_eq!(done.ending.as_option().unwrap().reason, "unfunded");
    assert_eq!(bazaar.books(Coin::Usdc).await, (1_000_000, 0));
    bazaar.close().await;
}

#[tokio::test]
async fn while_the_chain_is_away_rows_wait_and_nothing_is_lost() {
    let mut bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;
    bazaar.wait_for_rows(&job.id, "assign", "landed").await;
    bazaar.devnet.kill();
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.advance(61);
    bazaar.until(&job.id, JobState::Settling).await;
    // it was tried, and waits
    let start = tokio::time::Instant::now();
    while sqlx::query_scalar::<_, String>("SELECT error FROM outbox WHERE kind = 'settle'")
        .fetch_one(bazaar.world.db().pool())
        .await
        .unwrap()
        .is_empty()
    {
        assert!(start.elapsed().as_secs() < 60, "nobody tried");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(bazaar.job(&job.id).await.state.as_known(), Some(JobState::Settling));
    bazaar.devnet.restart();
    bazaar.until(&job.id, JobState::Completed).await;
    assert_eq!(bazaar.tokens(&node.payout).await, 9_000);
    assert_eq!(bazaar.closings(&job.id).await["settled"], 1);
    bazaar.no_alarms().await;
    bazaar.close().await;
}
