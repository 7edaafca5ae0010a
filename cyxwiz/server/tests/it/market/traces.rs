//! The trace of a job at a collector, from the call that created it to the payment.

use std::collections::HashSet;

use cyxwiz_chain::Coin;
use cyxwiz_proto::v1::JobState;

use super::bazaar::Bazaar;
use super::crash::{ends, free_leases, server};
use super::node::Node;
use crate::support::{Collector, Told, named};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

async fn traced(collector: &Collector) -> Bazaar {
    let mut bazaar =
        Bazaar::with(1, |settings| settings.otlp_endpoint = Some(collector.endpoint.clone())).await;
    bazaar.traceparent = format!("00-{TRACE}-{CALLER}-01");
    bazaar.deposit(Coin::Usdc, 1_000_000).await;
    bazaar
}

/// The job's spans have ids of their own, and every parent but the caller was told of.
fn hangs_together(told: &[Told]) {
    let ids: HashSet<String> = told.iter().map(Told::id).collect();
    assert_eq!(ids.len(), told.len(), "an id twice: {told:#?}");
    for one in told {
        assert!(ids.contains(&one.parent()) || one.parent() == CALLER, "{one:#?}");
    }
}

#[tokio::test]
async fn both_attempts_of_a_job_are_in_its_trace_and_the_first_says_why_it_failed() {
    let collector = Collector::start().await;
    let bazaar = traced(&collector).await;
    let mut first = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = first.start(&bazaar).await;
    let mut second = Node::stand_by(&bazaar, 22).await;
    first.finish(&work, "node_error", vec![]).await;
    let again = second.start(&bazaar).await;
    second.pass(&bazaar, 10).await;
    second.finish(&again, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    bazaar.advance(61);
    let done = bazaar.until(&job.id, JobState::Completed).await;

    let told = collector.until(TRACE, |told| !named(told, "cyxwiz.job").is_empty()).await;
    hangs_together(&told);
    assert!(told.iter().all(|told| told.service == "cyxwiz-server"));
    let (whole, create) = (named(&told, "cyxwiz.job"), named(&told, "JobService/CreateJob"));
    assert_eq!((whole.len(), create.len()), (1, 1));
    let whole = whole[0];
    assert_eq!((whole.parent(), create[0].parent().as_str()), (create[0].id(), CALLER));
    assert_eq!((whole.failed(), whole.says("cyxwiz.job.state").as_str()), (None, "completed"));
    assert_eq!((whole.says("cyxwiz.job.id"), whole.says("cyxwiz.job.charged").as_str()), (job.id, "10000"));
    // each attempt is the very span that its node was told
    let attempts = named(&told, "cyxwiz.attempt");
    assert_eq!(attempts.len(), 2);
    for (work, attempt) in [&work, &again].into_iter().zip(&attempts) {
        assert_eq!(work.traceparent, format!("00-{TRACE}-{}-01", attempt.id()));
        assert_eq!(attempt.parent(), whole.id());
        assert_eq!(attempt.says("cyxwiz.attempt.id"), work.attempt_id);
    }
    assert!(attempts[0].failed().unwrap().starts_with("node_error"), "{:#?}", attempts[0]);
    assert_eq!((attempts[1].failed(), attempts[1].says("cyxwiz.node.id")), (None, second.id.clone()));
    let verify = named(&told, "cyxwiz.verify");
    assert_eq!((verify.len(), verify[0].failed()), (1, None));
    assert_eq!(verify[0].span.end_time_unix_nano - verify[0].span.start_time_unix_nano, 61_000_000_000);
    assert_eq!(named(&told, "cyxwiz.payment.assign").len(), 2);
    let settle = named(&told, "cyxwiz.payment.settle");
    assert_eq!((settle.len(), settle[0].parent()), (1, whole.id()));
    let signature = settle[0].says("cyxwiz.payment.signature");
    assert_eq!((signature.len() > 80, settle[0].says("cyxwiz.payment.amount").as_str()), (true, "10000"));
    assert_eq!(done.cost.as_option().unwrap().charged, 10_000);
    bazaar.close().await;
}

#[tokio::test]
async fn a_job_that_fails_is_a_failed_span() {
    let collector = Collector::start().await;
    let bazaar = traced(&collector).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 5).await;
    node.finish(&work, "exit", vec![]).await;
    bazaar.until(&job.id, JobState::Refunded).await;
    let told = collector.until(TRACE, |told| !named(told, "cyxwiz.job").is_empty()).await;
    hangs_together(&told);
    for name in ["cyxwiz.job", "cyxwiz.attempt"] {
        let span = named(&told, name)[0];
        assert!(span.failed().unwrap().starts_with("exit"), "{span:#?}");
        assert_eq!(
            (span.says("error.type"), span.says("cyxwiz.ending.class")),
            ("exit".to_owned(), "user".to_owned())
        );
        assert_eq!(span.says("process.exit.code"), "1");
    }
    assert_eq!(named(&told, "cyxwiz.payment.refund").len(), 1);
    bazaar.close().await;
}

#[tokio::test]
async fn what_a_server_ended_before_it_died_is_told_by_the_next() {
    let collector = Collector::start().await;
    let bazaar = traced(&collector).await;
    let mut node = Node::stand_by(&bazaar, 21).await;
    let job = bazaar.submit(Bazaar::spec(Coin::Usdc, 600), 0, 0, "one").await;
    let work = node.start(&bazaar).await;
    node.pass(&bazaar, 10).await;
    bazaar.wait_for_rows(&job.id, "assign", "landed").await;
    node.finish(&work, "succeeded", vec![]).await;
    bazaar.until(&job.id, JobState::Verifying).await;
    // what the first server ended is told by itself: the next would take it, and die with it
    collector.until(TRACE, |told| !named(told, "cyxwiz.attempt").is_empty()).await;
    bazaar.world.ground().drain.begin();
    sqlx::query("UPDATE jobs SET dispute_until = 0").execute(bazaar.world.db().pool()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    // it settles, writes that down, and dies
    let doomed = server(&bazaar, folder.path(), "after_conclude");
    tokio::task::spawn_blocking(move || doomed.wait_with_output().unwrap()).await.unwrap();
    ends(&bazaar, &job.id, "completed").await;
    free_leases(&bazaar).await;
    let mut last = server(&bazaar, folder.path(), "");
    let told = collector.until(TRACE, |told| !named(told, "cyxwiz.job").is_empty()).await;
    assert_eq!(named(&told, "cyxwiz.job").len(), 1);
    assert_eq!(named(&told, "cyxwiz.payment.settle").len(), 1);
    assert_eq!(named(&told, "cyxwiz.attempt").len(), 1);
    last.kill().unwrap();
    last.wait().unwrap();
    bazaar.close().await;
}
