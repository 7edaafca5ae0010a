use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{Span, TracesData, span::SpanKind},
};
use prost::Message as _;
use vyr_proto::control::{FailureKind, TaskState};
use vyr_telemetry::{NodeResource, otlp};

use crate::support::{EPOCH_SECONDS, status, task, whole_trace};

fn resource() -> NodeResource {
    NodeResource::detect("node-7", "0.1.0").with("host.name", "test-host")
}

fn decoded(bytes: &[u8]) -> TracesData {
    let data = TracesData::decode(bytes).unwrap();
    assert_eq!(data.encoded_len(), bytes.len(), "nothing there that the generated messages do not know");
    data
}

fn attribute(span: &Span, key: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|pair| pair.key == key)?;
    found.value.clone()?.value
}

fn spans(data: &TracesData) -> Vec<Span> {
    data.resource_spans[0].scope_spans[0].spans.clone()
}

#[test]
fn spans_hang_together_and_say_what_happened() {
    let mut ended = whole_trace(task(1));
    let mut failed = status(task(1), TaskState::TASK_STATE_FAILED, EPOCH_SECONDS);
    failed.failure = FailureKind::FAILURE_KIND_EXIT.into();
    failed.exit_code = 3;
    ended.status = failed.into();
    let data = decoded(&otlp::encode_traces([&ended], &resource()));
    let spans = spans(&data);
    let (root, children) = spans.split_first().unwrap();
    assert_eq!(root.name, "vyr.task");
    assert_eq!(root.kind, SpanKind::Server as i32);
    assert_eq!(root.span_id, ended.root_span_id);
    assert_eq!(root.parent_span_id, ended.parent_span_id);
    assert_eq!(attribute(root, "faas.invocation_id"), Some(Value::StringValue(task(1).to_string())));
    assert_eq!(attribute(root, "faas.name"), Some(Value::StringValue("event-transform".into())));
    assert_eq!(attribute(root, "vyr.task.state"), Some(Value::StringValue("failed".into())));
    assert_eq!(attribute(root, "vyr.task.failure"), Some(Value::StringValue("exit".into())));
    assert_eq!(children.len(), 12);
    for child in children {
        assert_eq!(child.parent_span_id, ended.root_span_id);
        assert_eq!(child.trace_id, ended.trace_id);
        assert_eq!(attribute(child, "vyr.bytes"), Some(Value::IntValue(42)), "numbers stay numbers");
        assert_eq!(child.end_time_unix_nano - child.start_time_unix_nano, 1_000_000);
    }
    let terminal = children.iter().find(|span| span.name == "vyr.terminal").unwrap();
    assert_eq!(attribute(terminal, "process.exit.code"), Some(Value::IntValue(3)));

    let resource = data.resource_spans[0].resource.as_ref().unwrap();
    let named = |key: &str| resource.attributes.iter().filter(|pair| pair.key == key).count();
    assert_eq!((named("service.name"), named("service.instance.id"), named("host.name")), (1, 1, 1));
}

#[test]
fn both_forms_carry_the_same() {
    let ended = whole_trace(task(1));
    let data = decoded(&otlp::encode_traces([&ended], &resource()));
    let line = otlp::json_line(&data).unwrap();
    assert!(!line.contains('\n'));
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"], hex::encode(&ended.trace_id));
    assert_eq!(span["startTimeUnixNano"], ended.spans[0].start_unix_nanos.to_string());
    assert_eq!(serde_json::from_str::<TracesData>(&line).unwrap(), data);
    assert!(otlp::encode_traces([], &resource()).is_empty());
}
