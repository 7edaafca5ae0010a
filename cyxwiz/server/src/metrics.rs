//! What `/metrics` shows, in the text form that Prometheus reads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use crate::{Ground, refusal::chain_of};

/// Every call there is. A test compares it with the contract.
const METHODS: &[&str] = &[
    "AuthService/CreateChallenge",
    "AuthService/VerifyChallenge",
    "AuthService/RefreshSession",
    "AuthService/Logout",
    "AuthService/ListSessions",
    "JobService/EstimateJob",
    "JobService/CreateJob",
    "JobService/QueueJob",
    "JobService/GetJob",
    "JobService/ListJobs",
    "JobService/WatchJob",
    "JobService/CancelJob",
    "JobService/ListResults",
    "JobService/DisputeJob",
    "NodeService/EnrolNode",
    "NodeService/ReportBenchmark",
    "NodeService/Attend",
    "NodeService/PushLogs",
    "NodeService/ReportAttempt",
    "NodeService/GetNode",
    "NodeService/ListEarnings",
    "PaymentService/GetPlatform",
    "PaymentService/ListPayments",
];

/// The first of sixteen buckets, each twice the last: 0.5 ms to 16 s.
const FIRST_BUCKET: f64 = 0.0005;

/// Label pairs.
type Labels = Vec<(&'static str, String)>;

/// The server's figures. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    calls: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram>,
    connections: Family<Labels, Gauge>,
    jobs: Family<Labels, Gauge>,
    open_uploads: Gauge,
    dropped_spans: Counter<u64, AtomicU64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cyxwiz");
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(FIRST_BUCKET, 2.0, 16));
        let seconds = Family::new_with_constructor(buckets);
        let metrics = Self {
            registry: Arc::default(),
            calls: Family::default(),
            seconds,
            connections: Family::default(),
            jobs: Family::default(),
            open_uploads: Gauge::default(),
            dropped_spans: Counter::default(),
        };
        registry.register("calls", "Calls answered, by method and HTTP status", metrics.calls.clone());
        registry.register("call_seconds", "Time to an answer's head", metrics.seconds.clone());
        registry.register("database_connections", "Connections to the database", metrics.connections.clone());
        registry.register("jobs", "Jobs that have not ended, by state", metrics.jobs.clone());
        registry.register("uploads_open", "Uploads that go on", metrics.open_uploads.clone());
        registry.register(
            "spans_dropped",
            "Spans that the collector was too slow for",
            metrics.dropped_spans.clone(),
        );
        Self { registry: Arc::new(Mutex::new(registry)), ..metrics }
    }
}

impl Metrics {
    /// Adds a figure of a service's own; `cyxwiz_` goes before its name.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry.lock().register(name, help, metric);
    }

    pub(crate) fn answered(&self, method: &'static str, status: StatusCode, took: Duration) {
        let method = ("method", method.to_owned());
        self.calls.get_or_create(&vec![method.clone(), ("status", status.as_u16().to_string())]).inc();
        self.seconds.get_or_create(&vec![method]).observe(took.as_secs_f64());
    }
}

/// Names a path by its call: of a bounded set, whatever callers invent.
pub(crate) fn method(path: &str) -> &'static str {
    if path == "/files" || path.starts_with("/files/") {
        return "files";
    }
    let call = path.strip_prefix("/cyxwiz.v1.").unwrap_or_default();
    METHODS.iter().find(|method| **method == call).copied().unwrap_or("other")
}

/// The text for `/metrics`, with what the database says now.
pub(crate) async fn text(ground: &Ground) -> String {
    if let Err(error) = look(ground).await {
        tracing::warn!(error.chain = chain_of(&error), "the database's figures are not among the metrics");
    }
    let metrics = &ground.metrics;
    let dropped = ground.traces.dropped();
    metrics.dropped_spans.inc_by(dropped.saturating_sub(metrics.dropped_spans.get()));
    let mut text = String::new();
    let _ = encode(&mut text, &metrics.registry.lock());
    text
}

async fn look(ground: &Ground) -> Result<(), sqlx::Error> {
    let Metrics { connections, jobs, open_uploads, .. } = &ground.metrics;
    let pool = ground.db.pool();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    connections.get_or_create(&vec![("state", "idle".to_owned())]).set(count(pool.num_idle()));
    connections.get_or_create(&vec![("state", "open".to_owned())]).set(i64::from(pool.size()));
    let open: i64 =
        sqlx::query_scalar("SELECT count(*) FROM files WHERE state = 'open'").fetch_one(pool).await?;
    open_uploads.set(open);
    let states: Vec<(String, i64)> = sqlx::query_as(
        "SELECT state, count(*) FROM jobs WHERE state NOT IN ('completed', 'refunded', 'cancelled') GROUP BY state",
    )
    .fetch_all(pool)
    .await?;
    jobs.clear();
    for (state, n) in states {
        jobs.get_or_create(&vec![("state", state)]).set(n);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_contract_has_its_own_name() {
        let mut named = METHODS.to_vec();
        for file in ["auth", "job", "node", "payment"] {
            let path = format!("{}/../../proto/cyxwiz/v1/{file}_service.proto", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let service = text.lines().find_map(|line| line.strip_prefix("service ")).unwrap();
            let service = service.trim_end_matches(" {");
            for call in text.lines().filter_map(|line| line.trim().strip_prefix("rpc ")) {
                let call = call.split('(').next().unwrap();
                let name = method(&format!("/cyxwiz.v1.{service}/{call}"));
                assert_eq!(name, format!("{service}/{call}"));
                named.retain(|named| *named != name);
            }
        }
        assert!(named.is_empty(), "{named:?}");
        assert_eq!(method("/files/fil_1"), "files");
        assert_eq!(method("/cyxwiz.v1.AuthService/Invented"), "other");
    }
}
