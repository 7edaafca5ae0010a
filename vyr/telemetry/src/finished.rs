use vyr_model::{SpanId, TraceId};

use crate::{Stamp, Value};

/// A finished span of a program around the node, which keeps no record of tasks: a server, an agent.
#[derive(Debug, Clone)]
pub struct FinishedSpan {
    /// Its name, of a small set.
    pub name: &'static str,
    /// The trace.
    pub trace_id: TraceId,
    /// Its own id. Whoever sends one id twice confuses the reader.
    pub span_id: SpanId,
    /// The span that it is part of.
    pub parent: Option<SpanId>,
    /// Whether it is the answering side of a call.
    pub answers: bool,
    /// When it began.
    pub start: Stamp,
    /// When it was over.
    pub end: Stamp,
    /// What is worth knowing; never tokens, keys, payloads.
    pub attributes: Vec<(&'static str, Value)>,
    /// Moments within.
    pub events: Vec<(&'static str, Stamp)>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}
