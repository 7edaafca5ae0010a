//! A GPU is one job's: who gets it, and what its node is told.

use cyxwiz_chain::Coin;
use cyxwiz_model::HourlyPrice;
use cyxwiz_proto::v1::{self, JobState};

use super::bazaar::Bazaar;
use super::canaries::h100;
use super::node::Node;

const CUDA: &str =
    "registry.test/python@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

fn wanted() -> v1::JobSpec {
    let mut spec = Bazaar::spec(Coin::Usdc, 600);
    spec.requirements.get_or_insert_default().gpu_type = "h10080gbhbm3".to_owned();
    spec
}

#[tokio::test]
async fn two_jobs_never_share_a_gpu_and_each_is_told_its_uuid_and_the_cuda_image() {
    let bazaar = Bazaar::with(1, |settings| {
        settings.images.insert("python-cuda".to_owned(), CUDA.to_owned());
    })
    .await;
    let (db, now) = (bazaar.world.db(), bazaar.world.clock.now());
    let price = Some(HourlyPrice(3_600_000));
    cyxwiz_server::platform::set_price(db, &"h10080gbhbm3".parse().unwrap(), price, now).await.unwrap();
    bazaar.deposit(Coin::Usdc, 3_000_000).await;
    let mut node = Node::enrolled_with(&bazaar, 21, 0, vec![h100()]).await;
    node.attend(&bazaar, &[]).await;
    // with every slot that a processor's node would have, a GPU is one place
    let first = bazaar.submit(wanted(), 0, 0, "first").await;
    let second = bazaar.submit(wanted(), 0, 0, "second").await;
    let work = node.start(&bazaar).await;
    assert_eq!(work.job_id, first.id);
    assert_eq!((work.gpu_uuid.as_str(), work.image.as_str()), ("GPU-1", CUDA));

    // rounds go by, and the second waits
    node.pass(&bazaar, 15).await;
    let waits = bazaar.job(&second.id).await;
    assert_eq!(waits.state.as_known(), Some(JobState::Queued));

    // a job without a GPU has another node, no GPU and the plain image
    let mut plain = Node::stand_by(&bazaar, 22).await;
    let cpu = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "cpu").await;
    let told = plain.assignment().await;
    assert_eq!((told.job_id.as_str(), told.gpu_uuid.as_str()), (cpu.id.as_str(), ""));
    assert_eq!(told.image, "cyxwiz/python:latest");

    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&first.id, JobState::Verifying).await;
    node.beat().await;
    let next = node.assignment().await;
    assert_eq!((next.job_id.as_str(), next.gpu_uuid.as_str()), (second.id.as_str(), "GPU-1"));
    assert_eq!(next.image, CUDA);
    bazaar.no_alarms().await;
    bazaar.close().await;
}

#[tokio::test]
async fn an_image_without_a_cuda_variant_is_the_same_on_a_gpu() {
    let bazaar = Bazaar::open().await;
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    let (db, now) = (bazaar.world.db(), bazaar.world.clock.now());
    let price = Some(HourlyPrice(3_600_000));
    cyxwiz_server::platform::set_price(db, &"h10080gbhbm3".parse().unwrap(), price, now).await.unwrap();
    let mut node = Node::enrolled_with(&bazaar, 21, 0, vec![h100()]).await;
    node.attend(&bazaar, &[]).await;
    bazaar.submit(wanted(), 0, 0, "one").await;
    let work = node.assignment().await;
    assert_eq!((work.gpu_uuid.as_str(), work.image.as_str()), ("GPU-1", "cyxwiz/python:latest"));
    bazaar.close().await;
}
