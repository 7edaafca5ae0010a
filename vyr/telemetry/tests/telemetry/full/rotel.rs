use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;
use vyr_telemetry::{ExportHandle, ExportOptions, ExportProtocol, ExportService, Metrics, NodeResource};

use super::receiver::{Receiver, free_ports};
use crate::support::{task, whole_trace};

struct Running {
    handle: ExportHandle,
    stop: oneshot::Sender<()>,
    service: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(options: ExportOptions, metrics: &Metrics) -> Self {
        let resource = NodeResource::detect("node-under-test", "0.1.0");
        let (service, handle) = ExportService::new(options, &resource, metrics).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = tokio::spawn(service.run(async {
            let _ = stopped.await;
        }));
        Self { handle, stop, service }
    }

    async fn stop(self) -> ExportHandle {
        self.stop.send(()).unwrap();
        self.service.await.unwrap();
        self.handle
    }
}

fn metrics() -> Metrics {
    Metrics::new(&NodeResource::detect("node-under-test", "0.1.0"))
}

fn quick(protocol: ExportProtocol, [grpc, http]: [u16; 2]) -> ExportOptions {
    let port = if protocol == ExportProtocol::Grpc { grpc } else { http };
    ExportOptions {
        protocol: Some(protocol),
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        batch_delay: Duration::from_millis(1),
        backoff: Duration::from_millis(1),
        backoff_max: Duration::from_millis(2),
        attempts: u32::MAX,
        metrics_interval: Some(Duration::from_millis(50)),
        ..ExportOptions::default()
    }
}

async fn arrives(protocol: ExportProtocol) {
    let ports = free_ports();
    let mut receiver = Receiver::start(ports).await;
    let metrics = metrics();
    metrics.accepted();
    let running = Running::start(quick(protocol, ports), &metrics);
    let ended = Arc::new(whole_trace(task(77)));
    running.handle.offer(&ended);
    let text = receiver.read_until("vyr.terminal").await;
    for name in ["vyr.task", "vyr.accept", "vyr.verify.digest", "vyr.queue", "vyr.execute", "vyr.commit"] {
        assert!(text.contains(name), "no span `{name}` in:\n{text}");
    }
    for fact in [
        "service.name",
        "vyr-node",
        "node-under-test",
        "faas.invocation_id",
        &task(77).to_string(),
        "event-transform",
        &hex::encode(&ended.trace_id),
        &hex::encode(&ended.parent_span_id),
    ] {
        assert!(text.contains(fact), "no `{fact}` in:\n{text}");
    }
    receiver.read_until("vyr.tasks.accepted").await;
    let handle = running.stop().await;
    assert_eq!((handle.sent(), handle.dropped(), handle.queued()), (13, 0, 0));
}

#[tokio::test]
async fn traces_and_metrics_arrive_over_http() {
    arrives(ExportProtocol::Http).await;
}

#[tokio::test]
async fn traces_and_metrics_arrive_over_grpc() {
    arrives(ExportProtocol::Grpc).await;
}

#[tokio::test]
async fn an_absent_collector_costs_bounded_memory_counted_drops_and_nothing_after() {
    let ports = free_ports();
    let metrics = metrics();
    let options =
        ExportOptions { queue_spans: 1_300, batch_spans: 130, ..quick(ExportProtocol::Http, ports) };
    let running = Running::start(options, &metrics);
    let handle = running.handle.clone();
    // until requests have failed there is a batch off the queue: then what fits is known
    handle.offer(&Arc::new(whole_trace(task(0))));
    while handle.failures() < 3 {
        tokio::task::yield_now().await;
    }
    for number in 1..=1_000 {
        handle.offer(&Arc::new(whole_trace(task(number))));
    }
    assert_eq!(handle.queued(), 1_313, "the queue and the batch under way");
    assert_eq!(handle.dropped(), 900 * 13);
    let shown = metrics.collect("vyr.export.spans.dropped");
    assert!(format!("{shown:?}").contains("AsInt(11700)"), "the drops are a metric: {shown:?}");

    let mut receiver = Receiver::start(ports).await;
    receiver.read_until(&task(100).to_string()).await;
    handle.offer(&Arc::new(whole_trace(task(5_000))));
    receiver.read_until(&task(5_000).to_string()).await;
    let handle = running.stop().await;
    assert_eq!(handle.sent(), 1_313 + 13);
    assert_eq!((handle.dropped(), handle.queued()), (11_700, 0));
}

#[tokio::test]
async fn a_shutdown_flushes_within_its_time_or_counts_what_it_gave_up() {
    let ports = free_ports();
    let mut receiver = Receiver::start(ports).await;
    let slow =
        ExportOptions { batch_delay: Duration::from_secs(3_600), ..quick(ExportProtocol::Http, ports) };
    let running = Running::start(slow.clone(), &metrics());
    running.handle.offer(&Arc::new(whole_trace(task(1))));
    let handle = running.stop().await;
    assert_eq!((handle.sent(), handle.dropped()), (13, 0));
    receiver.read_until(&task(1).to_string()).await;
    drop(receiver);

    let nobody = ExportOptions { endpoint: Some("http://127.0.0.1:9".into()), ..slow };
    let running = Running::start(nobody, &metrics());
    running.handle.offer(&Arc::new(whole_trace(task(2))));
    let handle = running.stop().await;
    assert_eq!((handle.sent(), handle.dropped(), handle.queued()), (0, 13, 0));
}

#[tokio::test]
async fn speaks_tls_and_a_disabled_one_takes_nothing() {
    let resource = NodeResource::detect("node-under-test", "0.1.0");
    let options =
        ExportOptions { endpoint: Some("https://collector:4318".into()), ..ExportOptions::default() };
    for protocol in [ExportProtocol::Http, ExportProtocol::Grpc] {
        let options = ExportOptions { protocol: Some(protocol), ..options.clone() };
        ExportService::new(options, &resource, &metrics()).expect("public roots");
    }
    let disabled = ExportHandle::disabled();
    disabled.offer(&Arc::new(whole_trace(task(1))));
    assert_eq!((disabled.queued(), disabled.dropped()), (0, 0));
}
