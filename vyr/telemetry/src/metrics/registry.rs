use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::{
    KeyValue,
    metrics::{BoundHistogram, Meter, MeterProvider as _},
};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest, metrics::v1::MetricsData,
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality, data::ResourceMetrics,
        reader::MetricReader,
    },
};
use vyr_model::Terminal;

use super::{
    counts::{Counts, StartClass},
    process,
};
use crate::{Coverage, ExportHandle, Hub, NodeResource, attr, record::Record};

/// Seconds, from 10 µs to 5 minutes: a warm start and a long job are both told apart.
const SECONDS: [f64; 20] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0,
];

/// The node's metrics. Clones are the same registry.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    provider: SdkMeterProvider,
    meter: Meter,
    reader: Reader,
    counts: Arc<Counts>,
    durations: [BoundHistogram<f64>; StartClass::ALL.len()],
    starts: [BoundHistogram<f64>; StartClass::ALL.len()],
    queued: BoundHistogram<f64>,
    syncs: BoundHistogram<f64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// A number that a callback reads when metrics are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The metric's name, `vyr.queue.depth` for one.
    pub name: &'static str,
    /// Its unit by UCUM: `By`, `s`, `{task}`.
    pub unit: &'static str,
    /// What it says, one sentence.
    pub description: &'static str,
}

impl Metrics {
    /// Makes the registry with the counters, histograms and process figures that every node has.
    pub fn new(resource: &NodeResource) -> Self {
        let reader =
            Reader(Arc::new(ManualReader::builder().with_temporality(Temporality::Cumulative).build()));
        let provider = SdkMeterProvider::builder()
            .with_reader(reader.clone())
            .with_resource(resource.sdk().clone())
            .build();
        let meter = provider.meter("vyr");
        let counts = Arc::new(Counts::default());
        let by_class = |name, description| {
            let histogram = seconds(&meter, name, description);
            StartClass::ALL.map(|class| histogram.bind(&[KeyValue::new(attr::START_CLASS, class.as_str())]))
        };
        let inner = Inner {
            durations: by_class("faas.invoke_duration", "From a task's accept to its end, by start class."),
            starts: by_class("faas.init_duration", "From a task's start to its guest's first instruction."),
            queued: seconds(&meter, "vyr.queue.duration", "How long tasks waited in the queue.").bind(&[]),
            syncs: seconds(&meter, "vyr.record.sync.duration", "How long the record's syncs took.").bind(&[]),
            provider,
            meter,
            reader,
            counts,
        };
        let metrics = Self(Arc::new(inner));
        metrics.watch_counts();
        metrics.watch_process();
        metrics
    }

    /// Counts an accepted submit.
    pub fn accepted(&self) {
        self.0.counts.accepted.fetch_add(1, Relaxed);
    }

    /// Counts a start and how long the task waited and took to come up.
    pub fn started(&self, class: StartClass, waited: Duration, startup: Duration) {
        self.0.counts.started.fetch_add(1, Relaxed);
        self.0.queued.record(waited.as_secs_f64());
        record(&self.0.starts, class, startup);
    }

    /// Counts an end; `class` is `None` for a task that never started.
    pub fn ended(&self, terminal: &Terminal, class: Option<StartClass>, wall: Duration) {
        self.0.counts.ended(terminal);
        if let Some(class) = class {
            record(&self.0.durations, class, wall);
        }
    }

    /// Returns a function for [`crate::record::RecordOptions::on_sync`].
    pub fn sync_observer(&self) -> crate::record::OnSync {
        let syncs = self.0.syncs.clone();
        crate::record::OnSync::new(move |time| syncs.record(time.as_secs_f64()))
    }

    /// Shows a number that goes up and down.
    pub fn gauge(&self, about: Observed, read: impl Fn() -> u64 + Send + Sync + 'static) {
        self.gauge_by(about, move || vec![(Vec::new(), read())]);
    }

    /// Shows several numbers that go up and down, each with its attributes.
    pub fn gauge_by(
        &self,
        about: Observed,
        read: impl Fn() -> Vec<(Vec<KeyValue>, u64)> + Send + Sync + 'static,
    ) {
        let gauge = self.0.meter.u64_observable_gauge(about.name).with_unit(about.unit);
        let gauge = gauge.with_description(about.description).with_callback(move |observer| {
            for (attributes, value) in read() {
                observer.observe(value, &attributes);
            }
        });
        gauge.build();
    }

    /// Shows a number that only grows.
    pub fn counter(&self, about: Observed, read: impl Fn() -> u64 + Send + Sync + 'static) {
        self.counter_by(about, move || vec![(Vec::new(), read())]);
    }

    /// Shows several numbers that only grow, each with its attributes.
    pub fn counter_by(
        &self,
        about: Observed,
        read: impl Fn() -> Vec<(Vec<KeyValue>, u64)> + Send + Sync + 'static,
    ) {
        let counter = self.0.meter.u64_observable_counter(about.name).with_unit(about.unit);
        let counter = counter.with_description(about.description).with_callback(move |observer| {
            for (attributes, value) in read() {
                observer.observe(value, &attributes);
            }
        });
        counter.build();
    }

    /// Shows the trace coverage: `vyr.trace.coverage`, 0 to 1, of edges and of wall time.
    pub fn watch_coverage(&self, coverage: Arc<Coverage>) {
        let gauge = self.0.meter.f64_observable_gauge("vyr.trace.coverage").with_unit("1");
        let gauge =
            gauge.with_description("The share of critical edges, and of wall time, that spans explain.");
        let gauge = gauge.with_callback(move |observer| {
            let report = coverage.report();
            observer.observe(report.edge_ratio(), &[KeyValue::new("vyr.coverage.of", "edges")]);
            observer.observe(report.wall_ratio(), &[KeyValue::new("vyr.coverage.of", "wall_time")]);
        });
        gauge.build();
    }

    /// Shows the record's size, segments, live tasks and failures. Does not keep it open.
    pub fn watch_record(&self, record: &Record) {
        let figure = |pick: fn(crate::record::RecordStats) -> u64| {
            let record = record.downgrade();
            move || record.stats().map_or(0, pick)
        };
        let gauge = |name, unit, description| Observed { name, unit, description };
        self.gauge(gauge("vyr.record.size", "By", "Bytes of the task record."), figure(|stats| stats.bytes));
        self.gauge(
            gauge("vyr.record.segments", "{segment}", "Files of the task record."),
            figure(|stats| stats.segments as u64),
        );
        self.gauge(
            gauge("vyr.record.live_tasks", "{task}", "Tasks in the record that have not ended."),
            figure(|stats| stats.live_tasks as u64),
        );
        self.counter(
            gauge("vyr.record.failures", "{batch}", "Writes that the disk refused."),
            figure(|stats| stats.failures),
        );
    }

    /// Shows how many live streams there are.
    pub fn watch_hub(&self, hub: &Hub) {
        let hub = hub.clone();
        let about = Observed { name: "vyr.streams", unit: "{stream}", description: "Live streams open now." };
        self.gauge(about, move || hub.subscriptions() as u64);
    }

    /// Shows what the exporter sent, dropped and holds.
    pub fn watch_export(&self, export: &ExportHandle) {
        let about = |name, description| Observed { name, unit: "{span}", description };
        let handle = export.clone();
        self.counter(about("vyr.export.spans.sent", "Spans that the collector took."), move || handle.sent());
        let handle = export.clone();
        self.counter(
            about(
                "vyr.export.spans.dropped",
                "Spans that were given up: queue full, or collector away too long.",
            ),
            move || handle.dropped(),
        );
        let handle = export.clone();
        self.gauge(about("vyr.export.spans.queued", "Spans that wait for the collector."), move || {
            handle.queued()
        });
        let handle = export.clone();
        let failures = Observed {
            name: "vyr.export.failures",
            unit: "{request}",
            description: "Requests that the collector did not take.",
        };
        self.counter(failures, move || handle.failures());
    }

    /// Collects everything whose name begins with `prefix` (empty: all).
    pub fn collect(&self, prefix: &str) -> MetricsData {
        let mut metrics = ResourceMetrics::default();
        if let Err(error) = self.collect_into(&mut metrics) {
            tracing::warn!(error = %error, "the metrics could not be collected");
        }
        let mut resource_metrics = ExportMetricsServiceRequest::from(&metrics).resource_metrics;
        for scope in resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics) {
            scope.metrics.retain(|metric| metric.name.starts_with(prefix));
        }
        MetricsData { resource_metrics }
    }

    pub(crate) fn collect_into(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.reader.0.collect(metrics)
    }

    fn watch_counts(&self) {
        let about = |name, description| Observed { name, unit: "{task}", description };
        let counts = Arc::clone(&self.0.counts);
        self.counter(about("vyr.tasks.accepted", "Submits that were accepted."), move || {
            read(&counts.accepted)
        });
        let counts = Arc::clone(&self.0.counts);
        self.counter(about("vyr.tasks.started", "Tasks that were started."), move || read(&counts.started));
        let counts = Arc::clone(&self.0.counts);
        self.counter_by(about("vyr.tasks.ended", "Tasks that ended, by state and reason."), move || {
            counts.ends()
        });
    }

    fn watch_process(&self) {
        let about = Observed {
            name: "process.memory.usage",
            unit: "By",
            description: "Memory that the node's process occupies.",
        };
        self.gauge(about, process::resident_bytes);
        let cpu = self.0.meter.f64_observable_counter("process.cpu.time").with_unit("s");
        let cpu = cpu.with_description("Processor time of the node's process.");
        cpu.with_callback(|observer| observer.observe(process::cpu_seconds(), &[])).build();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // nothing is left to be done about a reader that is shut down already
        let _ = self.provider.shutdown();
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Relaxed)
}

fn seconds(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
) -> opentelemetry::metrics::Histogram<f64> {
    let histogram = meter.f64_histogram(name).with_unit("s").with_description(description);
    histogram.with_boundaries(SECONDS.to_vec()).build()
}

fn record(histograms: &[BoundHistogram<f64>; StartClass::ALL.len()], class: StartClass, time: Duration) {
    if let Some(histogram) = histograms.get(class as usize) {
        histogram.record(time.as_secs_f64());
    }
}

/// Lets the registry and the SDK share one reader.
#[derive(Debug, Clone)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}
