//! The good path.

use cyxwiz_chain::Coin;
use cyxwiz_model::Split;
use cyxwiz_model::{Amount, BasisPoints};
use cyxwiz_proto::v1::{self, JobState};

use super::bazaar::Bazaar;
use super::node::Node;

/// Three minutes at an hour's price of 3.6 $: a thousand micro-USD a second.
const RAN: u64 = 185;
const CHARGE: u64 = 185_000;

#[tokio::test]
async fn a_job_in_usdc_from_submit_to_settlement() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 5_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    assert_eq!(job.terms.as_option().unwrap().deposit, 600_000);
    assert_eq!(bazaar.books(Coin::Usdc).await, (4_400_000, 600_000));

    let work = node.start(&bazaar).await;
    assert_eq!(work.inputs.len(), 1);
    assert_eq!(work.image, "cyxwiz/python:latest");
    let input = bazaar.world.http.get(&work.inputs[0].url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(input, super::orders::SCRIPT);
    // pushed twice, stored once
    assert_eq!(node.log(&work, 1, &["one\n", "two\n"]).await.stored_seq, 2);
    assert_eq!(node.log(&work, 2, &["two\n", "three\n"]).await.stored_seq, 3);
    assert_eq!(node.log(&work, 9, &["later\n"]).await.stored_seq, 3);
    node.pass(&bazaar, RAN).await;
    let model = node.upload(&bazaar, &work, ("output", "model.pt"), b"weights", None).await;
    node.finish(&work, "succeeded", vec![model.clone()]).await;

    let verifying = bazaar.until(&job.id, JobState::Verifying).await;
    assert!(verifying.dispute_until.is_set());
    let results = v1::ListResultsRequest { job_id: job.id.clone(), ..Default::default() };
    let results = bazaar.jobs().list_results(results).await.unwrap().into_owned();
    assert_eq!(results.files.len(), 1, "{}", results.withheld_because);
    assert_eq!(results.files[0].file.as_option(), Some(&model));
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;
    let cost = done.cost.as_option().unwrap();
    let split = Split::of(Amount(600_000), Amount(CHARGE), BasisPoints(1000)).unwrap();
    assert_eq!((cost.charged, cost.metered_ms), (CHARGE, RAN * 1000));
    assert_eq!((cost.node, cost.platform, cost.refund), (split.node.0, split.platform.0, split.refund.0));
    // the chain says the same, to the unit
    assert_eq!(bazaar.tokens(&node.payout).await, split.node.0);
    assert_eq!(bazaar.tokens(&bazaar.devnet.address("treasury")).await, split.platform.0);
    assert_eq!(bazaar.books(Coin::Usdc).await, (5_000_000 - CHARGE, 0));
    assert_eq!(bazaar.closings(&job.id).await["settled"], 1);
    assert!(!done.close_signature.is_empty());
    assert_eq!(
        bazaar.states(&job.id).await,
        [
            JobState::Draft,
            JobState::Funded,
            JobState::Queued,
            JobState::Assigned,
            JobState::Preparing,
            JobState::Running,
            JobState::Publishing,
            JobState::Verifying,
            JobState::Settling,
            JobState::Completed,
        ]
    );
    let earned = node.calls.list_earnings(v1::ListEarningsRequest::default()).await.unwrap().into_owned();
    assert_eq!(earned.earnings[0].base_units, split.node.0);
    assert_eq!((earned.earnings[0].state.as_str(), earned.earnings[0].metered_ms), ("settled", RAN * 1000));
    let paid =
        bazaar.payments().list_payments(v1::ListPaymentsRequest::default()).await.unwrap().into_owned();
    let kinds: Vec<&str> = paid.payments.iter().map(|payment| payment.kind.as_str()).collect();
    assert_eq!(kinds, ["settle", "assign", "open"]);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_job_in_sol_pays_a_wallet_that_does_not_exist_yet() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Sol, 1_000_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Sol, 600), 0, 0, "one").await;
    // 3.6 $ an hour at 160 $ a SOL: 6,250 lamports a second
    assert_eq!(job.terms.as_option().unwrap().deposit, 3_750_000);
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;
    assert_eq!(done.cost.as_option().unwrap().charged, 62_500);
    assert_eq!(bazaar.books(Coin::Sol).await, (1_000_000_000 - 62_500, 0));
    // too little for a wallet to exist: the platform put in what lacked
    let minimum = bazaar.rpc.rents().await.unwrap().wallet;
    assert_eq!(bazaar.rpc.lamports(&node.payout).await.unwrap(), minimum);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_job_that_nothing_matches_says_so_at_once() {
    let bazaar = Bazaar::open().await;
    let nobody = bazaar.estimate(&Bazaar::spec(Coin::Usdc, 600), |_| true).await;
    assert_eq!(nobody.no_match, "no node is available at the moment");
    let _node = Node::stand_by(&bazaar, 21).await;
    let mut large = Bazaar::spec(Coin::Usdc, 600);
    large.requirements.get_or_insert_default().memory_mib = 100_000;
    let near = bazaar.estimate(&large, |estimate| !estimate.nearest.is_empty()).await;
    assert!(!near.quote.is_set());
    assert_eq!(near.nearest[0].lacks, "it has 4096 MiB of memory, 100000 are wanted");
    let good = bazaar.estimate(&Bazaar::spec(Coin::Usdc, 600), |_| true).await;
    assert_eq!((good.matching, good.deposit), (1, 600_000));
    bazaar.close().await;
}
