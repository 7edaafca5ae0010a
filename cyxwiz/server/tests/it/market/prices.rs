//! What an hour costs: in SOL by a rate that is fresh, and beside what a cloud asks.

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1;

use super::bazaar::{Bazaar, reason, sign_in};
use super::node::Node;

async fn estimate(
    bazaar: &Bazaar,
    spec: v1::JobSpec,
) -> Result<v1::EstimateJobResponse, connectrpc::ConnectError> {
    let request = v1::EstimateJobRequest { spec: spec.into(), ..Default::default() };
    bazaar.jobs().estimate_job(request).await.map(|answer| answer.into_owned())
}

#[tokio::test]
async fn a_rate_over_an_hour_old_prices_nothing_in_sol() {
    let mut bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Sol, 100_000_000).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let spec = || Bazaar::spec(Coin::Sol, 600);
    let quoted = bazaar.estimate(&spec(), |estimate| estimate.quote.is_set()).await;
    // 3.6 $ an hour at 160 $: to the lamport
    assert_eq!(quoted.quote.as_option().unwrap().base_units_per_hour, 22_500_000);

    // to the last second of the hour
    bazaar.advance(3_600);
    node.beat().await;
    bazaar.token = sign_in(&bazaar.world, &bazaar.wallet).await;
    assert!(bazaar.estimate(&spec(), |estimate| estimate.matching == 1).await.quote.is_set());
    bazaar.advance(1);
    node.beat().await;
    let refused = estimate(&bazaar, spec()).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_NO_SOL_RATE);
    let message = refused.message.unwrap_or_default();
    assert_eq!(message, "the rate for SOL is 60 minutes old: pay in USDC, or try again later");
    // nor with a quote from before, which is over its minute; and no job was made of it
    let late = v1::CreateJobRequest {
        spec: spec().into(),
        quote: quoted.quote,
        files: vec![v1::FileInfo {
            path: "train.py".to_owned(),
            size: 1,
            sha256: vec![0; 32],
            ..Default::default()
        }],
        idempotency_key: "late".to_owned(),
        ..Default::default()
    };
    let refused = bazaar.jobs().create_job(late).await.unwrap_err();
    assert_eq!(reason(&refused), v1::Reason::REASON_QUOTE_EXPIRED);
    assert_eq!(bazaar.books(Coin::Sol).await.1, 0);

    // who pays in USDC does not notice, and a new rate mends it
    assert!(estimate(&bazaar, Bazaar::spec(Coin::Usdc, 600)).await.unwrap().quote.is_set());
    let (db, now) = (bazaar.world.db(), bazaar.world.clock.now());
    cyxwiz_server::platform::set_sol_rate(db, 80_000_000, now).await.unwrap();
    let mended = estimate(&bazaar, spec()).await.unwrap();
    assert_eq!(mended.quote.as_option().unwrap().base_units_per_hour, 45_000_000);
    bazaar.close().await;
}

#[tokio::test]
async fn an_estimate_says_what_a_cloud_asks_for_the_like() {
    let bazaar = Bazaar::open().await;
    let _node = Node::stand_by(&bazaar, 21).await;
    let cpu = bazaar.estimate(&Bazaar::spec(Coin::Usdc, 600), |estimate| estimate.matching == 1).await;
    assert_eq!(cpu.cloud_micro_usd_per_hour, 48_000);
    assert!(cpu.cloud_offer.contains("m5.large"), "{}", cpu.cloud_offer);
    let on = |gpu: &str, min_vram_mib: u64, cpu_milli: u32| {
        let mut spec = Bazaar::spec(Coin::Usdc, 600);
        let wanted = spec.requirements.get_or_insert_default();
        (wanted.gpu_type, wanted.min_vram_mib, wanted.cpu_milli) = (gpu.to_owned(), min_vram_mib, cpu_milli);
        spec
    };
    // also where no node here has it: the comparison is for him who looks around
    for (gpu, vram, cpus, price, offer) in [
        ("cpu", 0, 4000, 192_000, "m5.large"),
        ("h10080gbhbm3", 0, 0, 12_290_000, "H100"),
        ("rtx4090", 0, 0, 1_006_000, "A10G"),
        ("any", 8_192, 0, 526_000, "T4"),
        ("any", 30_000, 0, 4_096_000, "A100"),
        // rented nowhere: the smallest machine with as much memory
        ("gtx9", 0, 0, 526_000, "T4"),
    ] {
        let said = estimate(&bazaar, on(gpu, vram, cpus)).await.unwrap();
        assert_eq!(said.cloud_micro_usd_per_hour, price, "{gpu}");
        assert!(said.cloud_offer.contains(offer), "{gpu}: {}", said.cloud_offer);
    }
    bazaar.close().await;
}
