//! Benchmarks at moments that a node cannot foresee, and GPUs that are not what they are called.

use std::time::Duration;

use connectrpc::client::HttpClient;
use cyxwiz_chain::Coin;
use cyxwiz_proto::v1;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

use super::bazaar::{Bazaar, reason, sign_in};
use super::node::{Node, answer, enrolment};
use crate::support::Key;

/// What does not come in this time never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A canary comes with nearly every look of the server.
async fn often() -> Bazaar {
    Bazaar::with(1, |settings| settings.canary_seconds = Some(1)).await
}

async fn because(node: &Node) -> String {
    let answer = node.calls.get_node(v1::GetNodeRequest::default()).await.unwrap().into_owned();
    answer.node.into_option().unwrap().unavailable_because
}

/// Waits until the server says so of a node that goes on beating.
async fn until_because(bazaar: &Bazaar, node: &mut Node, expected: &str) {
    let start = tokio::time::Instant::now();
    loop {
        let said = because(node).await;
        if said == expected {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "it says `{said}`");
        node.beat().await;
        bazaar.looked().await;
    }
}

#[tokio::test]
async fn a_node_that_never_answers_a_canary_gets_no_work_until_it_passes_one() {
    let bazaar = often().await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    node.benchmark().await;
    // as long as the answer is awaited no job comes in between
    assert_eq!(because(&node).await, "it has a benchmark to answer first");
    let wanted = Bazaar::spec(Coin::Usdc, 600);
    bazaar.estimate(&wanted, |estimate| estimate.matching == 0).await;
    bazaar.advance(135);
    until_because(
        &bazaar,
        &mut node,
        "its hardware was not confirmed: the benchmark was not answered in time",
    )
    .await;
    // it may try again after a while, and then its work goes on
    bazaar.advance(300);
    node.beat().await;
    let again = node.benchmark().await;
    let report = node.calls.report_benchmark(answer(&again, 2)).await.unwrap().into_owned();
    assert!(report.confirmed, "{}", report.message);
    let stale = node.calls.report_benchmark(answer(&again, 2)).await.unwrap_err();
    assert_eq!(reason(&stale), v1::Reason::REASON_NOT_FOUND);
    bazaar.close().await;
}

#[tokio::test]
async fn a_wrong_or_late_answer_to_a_canary_takes_the_node_off_the_market() {
    let bazaar = often().await;
    let mut wrong = Node::stand_by(&bazaar, 21).await;
    let benchmark = wrong.benchmark().await;
    let mut lie = answer(&benchmark, 2);
    lie.output[7] ^= 1;
    let report = wrong.calls.report_benchmark(lie).await.unwrap().into_owned();
    assert_eq!((report.confirmed, report.message.as_str()), (false, "the answer is wrong"));
    assert_eq!(because(&wrong).await, "its hardware was not confirmed: the answer is wrong");
    wrong.hang_up();

    let mut late = Node::stand_by(&bazaar, 22).await;
    let benchmark = late.benchmark().await;
    bazaar.advance(121);
    let report = late.calls.report_benchmark(answer(&benchmark, 2)).await.unwrap().into_owned();
    assert_eq!(report.message, "the answer came too late: enrol again");
    bazaar.estimate(&Bazaar::spec(Coin::Usdc, 600), |estimate| estimate.matching == 0).await;
    bazaar.close().await;
}

fn gpu(model: &str, vram_mib: u64, capability: &str, cores: u32, max_clock_mhz: u32) -> v1::Gpu {
    v1::Gpu {
        uuid: "GPU-1".to_owned(),
        model: model.to_owned(),
        gpu_type: cyxwiz_model::GpuType::of_model(model).unwrap().to_string(),
        vram_mib,
        compute_capability: capability.to_owned(),
        cores,
        max_clock_mhz,
        ..Default::default()
    }
}

const H100: &str = "NVIDIA H100 80GB HBM3";

pub(crate) fn h100() -> v1::Gpu {
    gpu(H100, 81_559, "9.0", 16_896, 1980)
}

/// A job for that very model.
fn wanted() -> v1::JobSpec {
    let mut wanted = Bazaar::spec(Coin::Usdc, 600);
    wanted.requirements.get_or_insert_default().gpu_type = "h10080gbhbm3".to_owned();
    wanted
}

/// What a node claims that has another GPU, and what it is told.
fn lies() -> [(v1::Gpu, &'static str); 5] {
    let smaller = "h10080gbhbm3 has 80 GiB of memory, this one says 24564 MiB";
    let older = "h10080gbhbm3 has compute capability 9.0, this one says 8.9";
    let slower =
        "h10080gbhbm3 computes about 66900 GFLOPS of FP32, by its cores and clock this one computes 15052";
    let named = v1::Gpu {
        gpu_type: "h10080gbhbm3".to_owned(),
        ..gpu("NVIDIA GeForce RTX 3060", 12_288, "8.6", 3584, 2100)
    };
    [
        (gpu(H100, 24_564, "9.0", 16_896, 1980), smaller),
        (gpu(H100, 81_559, "8.9", 16_896, 1980), older),
        (gpu(H100, 81_559, "9.0", 3584, 2100), slower),
        (gpu(H100, 81_559, "9.0", 0, 0), "its driver tells no cores"),
        (named, "a `NVIDIA GeForce RTX 3060` is called rtx3060, not h10080gbhbm3"),
    ]
}

async fn calls(bazaar: &Bazaar, seed: u8) -> v1::NodeServiceClient<HttpClient> {
    let session = bazaar.world.sign_in(&Key::of(seed), "ROLE_NODE").await;
    v1::NodeServiceClient::new(Bazaar::transport(), bazaar.config(0, &session.access))
}

#[tokio::test]
async fn a_gpu_that_cannot_be_what_it_is_called_is_not_enrolled() {
    let bazaar = Bazaar::open().await;
    let calls = calls(&bazaar, 21).await;
    let payout = Keypair::new().pubkey();
    for (gpu, why) in lies() {
        let mut request = enrolment(&payout);
        request.hardware.get_or_insert_default().gpus = vec![gpu];
        let refused = calls.enrol_node(request).await.unwrap_err();
        assert_eq!(reason(&refused), v1::Reason::REASON_BAD_REQUEST);
        assert_eq!(refused.message.as_deref(), Some(format!("hardware.gpus: {why}").as_str()));
    }
    // and a benchmark that says nothing of it confirms nothing
    let mut request = enrolment(&payout);
    request.hardware.get_or_insert_default().gpus = vec![h100()];
    let enrolled = calls.enrol_node(request).await.unwrap().into_owned();
    let benchmark = enrolled.benchmark.into_option().unwrap();
    let report = calls.report_benchmark(answer(&benchmark, 2)).await.unwrap().into_owned();
    assert!(!report.confirmed);
    assert_eq!(report.message, "1 GPUs were enrolled, its driver tells of 0 now");
    // an honest one is offered under its name
    let mut node = Node::enrolled_with(&bazaar, 22, 0, vec![h100()]).await;
    node.attend(&bazaar, &[]).await;
    bazaar.estimate(&wanted(), |estimate| estimate.matching == 1).await;
    bazaar.close().await;
}

#[tokio::test]
async fn a_gpu_that_is_another_one_later_is_caught_by_a_canary() {
    let mut bazaar = often().await;
    let mut node = Node::enrolled_with(&bazaar, 21, 0, vec![h100()]).await;
    node.attend(&bazaar, &[]).await;
    // honest answers keep it on the market
    for _ in 0..2 {
        let benchmark = node.benchmark().await;
        let honest = v1::ReportBenchmarkRequest { gpus: vec![h100()], ..answer(&benchmark, 2) };
        let report = node.calls.report_benchmark(honest).await.unwrap().into_owned();
        assert!(report.confirmed, "{}", report.message);
    }
    for (gpu, why) in lies() {
        // minutes pass between them: sessions end
        node.renew(&bazaar, 21).await;
        bazaar.token = sign_in(&bazaar.world, &bazaar.wallet).await;
        let benchmark = node.benchmark().await;
        let lie = v1::ReportBenchmarkRequest { gpus: vec![gpu], ..answer(&benchmark, 2) };
        let report = node.calls.report_benchmark(lie).await.unwrap().into_owned();
        assert_eq!((report.confirmed, report.message.as_str()), (false, why));
        assert_eq!(because(&node).await, format!("its hardware was not confirmed: {why}"));
        let estimate = bazaar.estimate(&wanted(), |estimate| estimate.matching == 0).await;
        assert!(!estimate.quote.is_set());
        // the next one comes after a while, and is passed honestly
        bazaar.advance(300);
        node.beat().await;
        let benchmark = node.benchmark().await;
        let honest = v1::ReportBenchmarkRequest { gpus: vec![h100()], ..answer(&benchmark, 2) };
        assert!(node.calls.report_benchmark(honest).await.unwrap().into_owned().confirmed);
    }
    // another board of the same model is another board
    let benchmark = node.benchmark().await;
    let swapped = v1::Gpu { uuid: "GPU-2".to_owned(), ..h100() };
    let lie = v1::ReportBenchmarkRequest { gpus: vec![swapped], ..answer(&benchmark, 2) };
    let report = node.calls.report_benchmark(lie).await.unwrap().into_owned();
    assert_eq!(report.message, "the GPU GPU-1 was enrolled, its driver does not know it now");
    bazaar.close().await;
}
