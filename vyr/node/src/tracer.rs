use parking_lot::Mutex;
use vyr_telemetry::{Coverage, Edge, SpanRecord, Stamp, TaskTrace};

/// Counts a task's critical edges and writes their spans: two things, kept apart, so that the
/// count can tell when a span is missing.
#[derive(Clone, Copy)]
pub struct Tracer<'a> {
    trace: &'a Mutex<TaskTrace>,
    coverage: &'a Coverage,
}

impl<'a> Tracer<'a> {
    pub(crate) const fn new(trace: &'a Mutex<TaskTrace>, coverage: &'a Coverage) -> Self {
        Self { trace, coverage }
    }

    /// Counts a pass of `edge`.
    pub fn passed(&self, edge: Edge) {
        self.coverage.passed(edge);
    }

    /// Writes the span of `edge`, from `start` until now.
    pub fn span(&self, edge: Edge, start: Stamp) -> Stamp {
        let end = Stamp::now();
        self.trace.lock().record(edge, start, end);
        end
    }

    /// Writes the span of `edge` with more about it.
    pub fn span_with(&self, edge: Edge, start: Stamp, end: Stamp, tell: impl FnOnce(&mut SpanRecord)) {
        tell(self.trace.lock().record(edge, start, end));
    }
}
