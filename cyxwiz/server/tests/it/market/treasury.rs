//! What an admin does on the chain, and what of it jobs feel.

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::{self, JobState};
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::bazaar::{Bazaar, reason};
use super::node::Node;

#[tokio::test]
async fn the_treasury_is_shown_and_set_on_the_chain_and_open_escrows_keep_theirs() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 5_000_000).await;
    let url = bazaar.devnet.url();
    let admin = bazaar.devnet.wallet_path("admin").display().to_string();
    let treasury = |more: &[&str]| {
        let arguments = [&["admin", "treasury"], more, &["--rpc-url", url.as_str()]].concat();
        bazaar.world.verb(&arguments)
    };
    let before = treasury(&["show"]).unwrap();
    assert_eq!(before["treasury"], bazaar.devnet.address("treasury").to_string());
    assert_eq!(before["admin"], bazaar.devnet.address("admin").to_string());
    assert_eq!(before["settle_key"], bazaar.devnet.address("settle").to_string());
    assert_eq!((&before["fee_bps"], &before["paused"]), (&1000.into(), &false.into()));

    // a job under the old one
    let mut node = Node::stand_by(&bazaar, 21).await;
    let old = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "old").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;

    let next = Keypair::new().pubkey();
    let set = |key: &str| treasury(&["set", &next.to_string(), "--admin-key", key]);
    let no_key = treasury(&["set", &next.to_string()]).unwrap_err();
    assert!(no_key.contains("name the admin's keypair with --admin-key"), "{no_key}");
    let stranger = bazaar.devnet.wallet_path("buyer").display().to_string();
    let refused = set(&stranger).unwrap_err();
    assert!(refused.contains("the chain did not take it"), "{refused}");
    assert_eq!(treasury(&["show"]).unwrap(), before);
    let after = set(&admin).unwrap();
    assert_eq!(after["treasury"], next.to_string());
    assert!(after["version"].as_u64() > before["version"].as_u64(), "{after}");
    assert_eq!(treasury(&["show"]).unwrap(), after);

    // what was agreed stays: the old job pays the old one, a new job the new one
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&old.id, JobState::Verifying).await;
    bazaar.advance(61);
    bazaar.until(&old.id, JobState::Completed).await;
    assert_eq!(bazaar.tokens(&bazaar.devnet.address("treasury")).await, 1_000);
    node.pass(&bazaar, 5).await;
    let new = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "new").await;
    assert_eq!(new.terms.as_option().unwrap().treasury, next.to_string());
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 20).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&new.id, JobState::Verifying).await;
    bazaar.advance(61);
    bazaar.until(&new.id, JobState::Completed).await;
    assert_eq!(bazaar.tokens(&next).await, 2_000);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn paused_the_platform_takes_no_new_job_and_ends_what_runs() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 5_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    let estimate = bazaar.estimate(&Bazaar::spec(Coin::Usdc, 600), |_| true).await;
    bazaar.world.verb(&["admin", "pause"]).unwrap();
    let file =
        v1::FileInfo { path: "train.py".to_owned(), size: 1, sha256: vec![0; 32], ..Default::default() };
    let request = v1::CreateJobRequest {
        spec: Bazaar::spec(Coin::Usdc, 600).into(),
        quote: estimate.quote,
        files: vec![file],
        idempotency_key: "two".to_owned(),
        ..Default::default()
    };
    let refused = bazaar.jobs().create_job(request).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_PAUSED);
    node.pass(&bazaar, 10).await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    bazaar.until(&job.id, JobState::Completed).await;
    bazaar.world.verb(&["admin", "resume"]).unwrap();
    // a rate that is over an hour old is shown as what it is
    assert_eq!(bazaar.world.verb(&["admin", "sol-rate", "show"]).unwrap()["usd_per_sol"], "160.00");
    let again = bazaar.estimate(&Bazaar::spec(Coin::Usdc, 600), |_| true).await;
    assert!(again.quote.is_set() || !again.no_match.is_empty());
    bazaar.close().await;
}
