use buffa::Enumeration as _;
use opentelemetry_proto::tonic::trace::v1::{SpanFlags, span::SpanKind, status::StatusCode};
use vyr_proto::{
    control::{FailureKind, LimitKind, TaskStatus},
    record::{Ended, Span},
};

use super::wire::{self, Expected};
use crate::{Edge, FinishedSpan, Value, attr};

/// `ScopeSpans.spans`.
const SPANS: u32 = 2;

/// The fields of a span.
mod field {
    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START_TIME: u32 = 7;
    pub(super) const END_TIME: u32 = 8;
    pub(super) const ATTRIBUTES: u32 = 9;
    pub(super) const EVENTS: u32 = 11;
    pub(super) const STATUS: u32 = 15;
    pub(super) const FLAGS: u32 = 16;
    /// Of a status.
    pub(super) const MESSAGE: u32 = 2;
    pub(super) const CODE: u32 = 3;
    /// Of an event.
    pub(super) const AT: u32 = 1;
    pub(super) const EVENT: u32 = 2;
    /// Of an attribute.
    pub(super) const KEY: u32 = 1;
    pub(super) const VALUE: u32 = 2;
    /// Of an attribute's value.
    pub(super) const TEXT: u32 = 1;
    pub(super) const BOOL: u32 = 2;
    pub(super) const INT: u32 = 3;
}

/// W3C: the trace is recorded.
const SAMPLED: u32 = 1;

/// What a fact is.
enum Fact<'a> {
    Text(&'a str),
    /// A name in capitals, told in small letters.
    Name(&'a str),
    Int(i64),
    Bool(bool),
}

/// Appends a finished trace's spans, each as a field of `ScopeSpans`.
pub(crate) fn write_spans(ended: &Ended, out: &mut Vec<u8>) {
    for span in &ended.spans {
        wire::message(out, SPANS, Expected::Long, |out| write_span(ended, span, out));
    }
}

/// Appends a span that stands alone, in the same form. One that ends before it began, by clocks that differ, takes no time.
pub(crate) fn write_finished(span: &FinishedSpan, out: &mut Vec<u8>) {
    wire::message(out, SPANS, Expected::Long, |out| {
        let parent = span.parent.map(|id| id.0).unwrap_or_default();
        let kind = if span.answers { SpanKind::Server } else { SpanKind::Internal };
        wire::bytes(out, field::TRACE_ID, &span.trace_id.0);
        wire::bytes(out, field::SPAN_ID, &span.span_id.0);
        wire::bytes(out, field::PARENT_SPAN_ID, id(&parent));
        wire::bytes(out, field::NAME, span.name.as_bytes());
        wire::number(out, field::KIND, kind as u64);
        wire::fixed64(out, field::START_TIME, span.start.unix_nanos());
        wire::fixed64(out, field::END_TIME, span.end.max(span.start).unix_nanos());
        for (key, value) in &span.attributes {
            let fact = match value {
                Value::Text(text) => Fact::Text(text),
                Value::Int(number) => Fact::Int(*number),
                Value::Bool(truth) => Fact::Bool(*truth),
            };
            write_fact(out, key, fact);
        }
        for (name, at) in &span.events {
            wire::message(out, field::EVENTS, Expected::Short, |out| {
                wire::fixed64(out, field::AT, at.unix_nanos());
                wire::bytes(out, field::EVENT, name.as_bytes());
            });
        }
        if let Some(why) = &span.failed {
            write_error(out, why);
        }
        write_flags(out, span.answers && span.parent.is_some());
    });
}

fn write_span(ended: &Ended, span: &Span, out: &mut Vec<u8>) {
    let edge = Edge::from_number(span.edge);
    let is_root = edge == Some(Edge::Task);
    let parent = match id(&span.parent_span_id) {
        [] if is_root => id(&ended.parent_span_id),
        [] => id(&ended.root_span_id),
        named => named,
    };
    let is_remote = is_root && !parent.is_empty();
    let kind = if is_root { SpanKind::Server } else { SpanKind::Internal };
    wire::bytes(out, field::TRACE_ID, &ended.trace_id);
    wire::bytes(out, field::SPAN_ID, id(&span.span_id));
    wire::bytes(out, field::PARENT_SPAN_ID, parent);
    wire::bytes(out, field::NAME, edge.map_or("vyr.unknown", Edge::span_name).as_bytes());
    wire::number(out, field::KIND, kind as u64);
    wire::fixed64(out, field::START_TIME, span.start_unix_nanos);
    wire::fixed64(out, field::END_TIME, span.start_unix_nanos.saturating_add(span.duration_nanos));
    for (key, text) in span.attributes.iter().filter_map(|pair| pair.split_once('=')) {
        write_fact(out, key, fact(key, text));
    }
    let status = ended.status.as_option();
    if let (Some(status), Some(edge @ (Edge::Task | Edge::Terminal))) = (status, edge) {
        describe(status, edge, out);
    }
    if span.error {
        // a failed task's message belongs to the root span; other spans say it by their attributes
        let message = status.filter(|_| is_root).map_or("", |status| &status.message);
        write_error(out, message);
    }
    write_flags(out, is_remote);
}

fn write_error(out: &mut Vec<u8>, message: &str) {
    wire::message(out, field::STATUS, Expected::Short, |out| {
        wire::bytes(out, field::MESSAGE, message.as_bytes());
        wire::number(out, field::CODE, StatusCode::Error as u64);
    });
}

fn write_flags(out: &mut Vec<u8>, is_remote: bool) {
    let remote = if is_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    wire::fixed32(out, field::FLAGS, SAMPLED | SpanFlags::ContextHasIsRemoteMask as u32 | remote);
}

/// Returns a span's id; none where there is none, or one that is not valid.
fn id(bytes: &[u8]) -> &[u8] {
    if bytes.len() == 8 && bytes.iter().any(|byte| *byte != 0) { bytes } else { &[] }
}

/// Adds what the status says, so that it is stored once.
fn describe(status: &TaskStatus, edge: Edge, out: &mut Vec<u8>) {
    let mut add = |key: &str, fact: Fact<'_>| write_fact(out, key, fact);
    if edge == Edge::Task {
        add(attr::FAAS_INVOCATION_ID, Fact::Text(&status.task_id));
        add(attr::ARTIFACT_DIGEST, Fact::Text(&status.artifact_digest));
    }
    add(
        attr::TASK_STATE,
        short(status.state.as_known().map_or("", |state| state.proto_name()), "TASK_STATE_"),
    );
    if let Some(kind) =
        status.failure.as_known().filter(|kind| *kind != FailureKind::FAILURE_KIND_UNSPECIFIED)
    {
        add(attr::TASK_FAILURE, short(kind.proto_name(), "FAILURE_KIND_"));
        add(attr::ERROR_TYPE, short(kind.proto_name(), "FAILURE_KIND_"));
    }
    if let Some(kind) = status.limit.as_known().filter(|kind| *kind != LimitKind::LIMIT_KIND_UNSPECIFIED) {
        add(attr::TASK_LIMIT, short(kind.proto_name(), "LIMIT_KIND_"));
    }
    if edge == Edge::Terminal {
        add(attr::PROCESS_EXIT_CODE, Fact::Int(i64::from(status.exit_code)));
        for (key, output) in [(attr::STDOUT_DIGEST, &status.stdout), (attr::STDERR_DIGEST, &status.stderr)] {
            if let Some(output) = output.as_option() {
                add(key, Fact::Text(&output.digest));
            }
        }
    }
}

/// `TASK_STATE_SUCCEEDED` is `succeeded`.
fn short<'a>(name: &'a str, prefix: &str) -> Fact<'a> {
    Fact::Name(name.strip_prefix(prefix).unwrap_or(name))
}

fn fact<'a>(key: &str, text: &'a str) -> Fact<'a> {
    match attr::kind(key) {
        attr::Kind::Int => text.parse().map_or(Fact::Text(text), Fact::Int),
        attr::Kind::Bool => text.parse().map_or(Fact::Text(text), Fact::Bool),
        attr::Kind::Text => Fact::Text(text),
    }
}

fn write_fact(out: &mut Vec<u8>, key: &str, fact: Fact<'_>) {
    wire::message(out, field::ATTRIBUTES, Expected::Short, |out| {
        wire::bytes(out, field::KEY, key.as_bytes());
        wire::message(out, field::VALUE, Expected::Short, |out| write_value(out, fact));
    });
}

/// Writes a value; an empty text too, which is not the same as none.
fn write_value(out: &mut Vec<u8>, fact: Fact<'_>) {
    match fact {
        Fact::Text(text) => {
            wire::head(out, field::TEXT, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        Fact::Name(name) => {
            wire::head(out, field::TEXT, name.len());
            out.extend(name.bytes().map(|letter| letter.to_ascii_lowercase()));
        }
        Fact::Int(number) => wire::number(out, field::INT, number.cast_unsigned()),
        Fact::Bool(truth) => wire::number(out, field::BOOL, u64::from(truth)),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::ScopeSpans;
    use prost::Message as _;
    use vyr_model::{SpanId, TraceId};

    use super::*;
    use crate::Stamp;

    #[test]
    fn a_span_alone_says_what_it_was_told() {
        let span = FinishedSpan {
            name: "a",
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            parent: Some(SpanId([3; 8])),
            answers: false,
            start: Stamp::from_unix_nanos(5_000),
            end: Stamp::from_unix_nanos(4_000),
            attributes: vec![("n", 7_i64.into()), ("t", "x".into()), ("b", true.into())],
            events: vec![("e", Stamp::from_unix_nanos(6_000))],
            failed: Some("why".to_owned()),
        };
        let mut bytes = Vec::new();
        write_finished(&span, &mut bytes);
        write_finished(&FinishedSpan { parent: None, failed: None, ..span }, &mut bytes);
        let spans = ScopeSpans::decode(bytes.as_slice()).unwrap().spans;
        let [one, root] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!(
            (&one.trace_id, &one.span_id, &one.parent_span_id),
            (&vec![1; 16], &vec![2; 8], &vec![3; 8])
        );
        assert_eq!((one.start_time_unix_nano, one.end_time_unix_nano), (5_000, 5_000));
        assert_eq!((one.attributes.len(), one.events[0].name.as_str()), (3, "e"));
        let status = one.status.as_ref().unwrap();
        assert_eq!((status.message.as_str(), status.code), ("why", StatusCode::Error as i32));
        assert!(root.parent_span_id.is_empty() && root.status.is_none());
    }
}
