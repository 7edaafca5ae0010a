use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    time::Duration,
};

use vyr_model::{SpanId, TaskId, TraceId};
use vyr_proto::{control, record};

use crate::{Edge, Stamp, ids};

/// Most tasks pass about a dozen edges.
const USUAL_SPANS: usize = 14;

/// Collects one task's spans: no lock, and no allocation but its vectors.
#[derive(Debug, Clone)]
pub struct TaskTrace {
    trace_id: TraceId,
    parent: Option<SpanId>,
    root: SpanId,
    spans: Vec<SpanRecord>,
}

/// One finished span.
#[derive(Debug, Clone)]
pub struct SpanRecord {
    edge: Edge,
    span_id: SpanId,
    parent: Option<SpanId>,
    start: Stamp,
    end: Stamp,
    attributes: Vec<(&'static str, Value)>,
    error: bool,
}

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(Cow<'static, str>),
    /// A whole number.
    Int(i64),
    /// True or false.
    Bool(bool),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl Value {
    /// Writes `key=value`. `format!` would do too, in thrice the time: several times a task.
    fn named(&self, key: &str) -> String {
        let room = match self {
            Self::Text(text) => text.len(),
            Self::Int(_) | Self::Bool(_) => 20,
        };
        let mut named = String::with_capacity(key.len() + 1 + room);
        named.push_str(key);
        named.push('=');
        match self {
            Self::Text(text) => named.push_str(text),
            // a string takes everything
            other => drop(write!(named, "{other}")),
        }
        named
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => number.fmt(f),
            Self::Bool(truth) => truth.fmt(f),
        }
    }
}

impl SpanRecord {
    /// Adds a fact; see [`crate::attr`] for the names.
    pub fn attr(&mut self, key: &'static str, value: impl Into<Value>) -> &mut Self {
        self.attributes.push((key, value.into()));
        self
    }

    /// Marks the edge as failed.
    pub fn error(&mut self) -> &mut Self {
        self.error = true;
        self
    }

    /// Puts the span under another than the task's root span.
    pub fn under(&mut self, parent: SpanId) -> &mut Self {
        self.parent = Some(parent);
        self
    }

    /// Returns the span's id, to put others under it.
    pub const fn id(&self) -> SpanId {
        self.span_id
    }

    fn to_record(&self) -> record::Span {
        record::Span {
            edge: self.edge.number(),
            span_id: self.span_id.0.to_vec(),
            parent_span_id: self.parent.map(|id| id.0.to_vec()).unwrap_or_default(),
            start_unix_nanos: self.start.unix_nanos(),
            duration_nanos: u64::try_from(self.end.since(self.start).as_nanos()).unwrap_or(u64::MAX),
            attributes: self.attributes.iter().map(|(key, value)| value.named(key)).collect(),
            error: self.error,
            ..Default::default()
        }
    }
}

impl TaskTrace {
    /// Starts a task's trace. `parent` is the caller's span, `root` the task's own.
    pub fn new(trace_id: TraceId, parent: Option<SpanId>, root: SpanId) -> Self {
        Self { trace_id, parent, root, spans: Vec::with_capacity(USUAL_SPANS) }
    }

    /// Adds a finished span under the root ([`Edge::Task`] is the root itself).
    pub fn record(&mut self, edge: Edge, start: Stamp, end: Stamp) -> &mut SpanRecord {
        let span_id = if edge == Edge::Task { self.root } else { ids::new_span_id() };
        let parent = if edge == Edge::Task { self.parent } else { None };
        self.spans.push_mut(SpanRecord {
            edge,
            span_id,
            parent,
            start,
            end,
            attributes: Vec::new(),
            error: false,
        })
    }

    /// Returns the trace's id.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the caller's span.
    pub const fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Returns the task's root span.
    pub const fn root(&self) -> SpanId {
        self.root
    }

    /// Returns the first span of `edge`.
    pub fn find(&mut self, edge: Edge) -> Option<&mut SpanRecord> {
        self.spans.iter_mut().find(|span| span.edge == edge)
    }

    /// Takes the spans out, for the task's end.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self { spans: std::mem::take(&mut self.spans), ..*self }
    }

    /// Makes the record's form of the task's end. `wall` comes from a clock of its own, not from
    /// the spans: [`crate::Coverage`] compares the two.
    pub fn into_ended(self, task: TaskId, status: control::TaskStatus, wall: Duration) -> record::Ended {
        record::Ended { task_id: task.as_bytes().to_vec(), status: status.into(), ..self.into_spans(wall) }
    }

    /// Makes the same for a trace without a task, such as a refused submit.
    pub fn into_spans(self, wall: Duration) -> record::Ended {
        record::Ended {
            spans: self.spans.iter().map(SpanRecord::to_record).collect(),
            wall_nanos: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            trace_id: self.trace_id.0.to_vec(),
            parent_span_id: self.parent.map(|id| id.0.to_vec()).unwrap_or_default(),
            root_span_id: self.root.0.to_vec(),
            ..Default::default()
        }
    }
}
