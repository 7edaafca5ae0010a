use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::metrics::v1::{Metric, MetricsData, metric::Data, number_data_point::Value};
use vyr_model::{Failure, LimitKind, Terminal};
use vyr_telemetry::{
    Coverage, Edge, ExportHandle, Filter, Hub, Metrics, NodeResource, Observed, StartClass, otlp,
    record::RecordOptions,
};

use crate::support::{accepted, open, put, task, whole_trace};

fn find<'a>(data: &'a MetricsData, name: &str) -> &'a Metric {
    let mut metrics = data.resource_metrics[0].scope_metrics.iter().flat_map(|scope| &scope.metrics);
    metrics.find(|metric| metric.name == name).unwrap_or_else(|| panic!("no metric {name}"))
}

/// The points of a number, each with its attributes' values joined.
fn numbers(data: &MetricsData, name: &str) -> Vec<(String, f64)> {
    let points = match find(data, name).data.as_ref().unwrap() {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            &sum.data_points
        }
        other => panic!("{name} is {other:?}"),
    };
    let text = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| {
        let mut values: Vec<_> = point.attributes.iter().map(|pair| format!("{:?}", pair.value)).collect();
        values.sort();
        values.join(" ")
    };
    let number = |value: &Option<Value>| match value {
        Some(Value::AsInt(number)) => *number as f64,
        Some(Value::AsDouble(number)) => *number,
        None => panic!("{name} has no value"),
    };
    points.iter().map(|point| (text(point), number(&point.value))).collect()
}

fn metrics() -> Metrics {
    Metrics::new(&NodeResource::detect("node-7", "0.1.0"))
}

#[test]
fn counts_and_times_tasks() {
    let metrics = metrics();
    for _ in 0..3 {
        metrics.accepted();
    }
    metrics.started(StartClass::Warm, Duration::from_micros(30), Duration::from_micros(60));
    metrics.ended(&Terminal::Succeeded, Some(StartClass::Warm), Duration::from_micros(300));
    metrics.ended(
        &Terminal::Failed(Failure::Limit(LimitKind::Memory)),
        Some(StartClass::Cold),
        Duration::ZERO,
    );
    metrics.ended(&Terminal::Cancelled, None, Duration::ZERO);
    let data = metrics.collect("");
    assert_eq!(numbers(&data, "vyr.tasks.accepted")[0].1, 3.0);
    let ends = numbers(&data, "vyr.tasks.ended");
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().any(|(of, count)| of.contains("memory") && of.contains("limit") && *count == 1.0));
    let Some(Data::Histogram(durations)) = &find(&data, "faas.invoke_duration").data else { panic!() };
    assert_eq!(durations.data_points.iter().map(|point| point.count).sum::<u64>(), 2);
    let warm = durations.data_points.iter().find(|point| point.sum.unwrap() > 0.0).unwrap();
    assert_eq!(warm.bucket_counts.iter().position(|count| *count == 1), Some(5), "300 µs is in (250, 500]");
    assert!(numbers(&data, "process.memory.usage")[0].1 > 1_000_000.0);
    assert!(numbers(&data, "process.cpu.time")[0].1 > 0.0);
}

#[tokio::test]
async fn shows_record_hub_coverage_export_and_own_figures() {
    let metrics = metrics();
    let dir = tempfile::tempdir().unwrap();
    let options = RecordOptions { on_sync: metrics.sync_observer(), ..RecordOptions::default() };
    let (record, _) = open(dir.path(), options);
    let hub = Hub::default();
    let coverage = Arc::new(Coverage::default());
    metrics.watch_record(&record);
    metrics.watch_hub(&hub);
    metrics.watch_coverage(Arc::clone(&coverage));
    metrics.watch_export(&ExportHandle::disabled());
    let depth = Observed { name: "vyr.queue.depth", unit: "{task}", description: "Tasks that wait." };
    metrics.gauge(depth, || 17);

    put(&record, &accepted(task(1), "")).await;
    let _stream = hub.subscribe(Filter::default()).unwrap();
    coverage.passed(Edge::Accept);
    coverage.passed(Edge::Cancel);
    coverage.traced(&whole_trace(task(1)));

    let data = metrics.collect("");
    assert_eq!(numbers(&data, "vyr.queue.depth")[0].1, 17.0);
    assert_eq!(numbers(&data, "vyr.streams")[0].1, 1.0);
    assert_eq!(numbers(&data, "vyr.record.live_tasks")[0].1, 1.0);
    assert!(
        numbers(&data, "vyr.trace.coverage").iter().any(|(of, ratio)| of.contains("edges") && *ratio == 0.5)
    );
    assert_eq!(numbers(&data, "vyr.export.spans.dropped")[0].1, 0.0);
    let Some(Data::Histogram(syncs)) = &find(&data, "vyr.record.sync.duration").data else { panic!() };
    assert_eq!(syncs.data_points[0].count, 1);

    let some = metrics.collect("vyr.record.");
    let names: Vec<_> =
        some.resource_metrics[0].scope_metrics[0].metrics.iter().map(|metric| &metric.name).collect();
    assert!(names.len() >= 4 && names.iter().all(|name| name.starts_with("vyr.record.")), "{names:?}");
    assert!(otlp::json_line(&some).unwrap().contains("vyr.record.size"));
    drop(record);
    assert_eq!(numbers(&metrics.collect(""), "vyr.record.size")[0].1, 0.0, "watching keeps no record open");
}
