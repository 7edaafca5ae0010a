use parking_lot::Mutex;
use vyr_telemetry::{Coverage, Edge, SpanRecord, Stamp, TaskTrace};

/// Counts a task's critical edges and writes their spans: two things, kept apart, so that the
/// count can tell when a span is missing.
#[derive(Clone, Copy)]
pub struct Tracer<'a> {
    trace: &'a Mutex<TaskTrace>,
    coverage: &'a Coverage,
    /// Off only where telemetry's own cost is measured.
    on: bool,
}

impl<'a> Tracer<'a> {
    pub(crate) const fn new(trace: &'a Mutex<TaskTrace>, coverage: &'a Coverage) -> Self {
        Self { trace, coverage, on: true }
    }

    /// Writes nothing unless `on`.
    #[must_use]
    pub(crate) const fn when(mut self, on: bool) -> Self {
        self.on = on;
        self
    }

    /// Counts a pass of `edge`.
    pub fn passed(&self, edge: Edge) {
        if self.on {
            self.coverage.passed(edge);
        }
    }

    /// Writes the span of `edge`, from `start` until now.
    pub fn span(&self, edge: Edge, start: Stamp) -> Stamp {
        let end = Stamp::now();
        self.span_with(edge, start, end, |_| {});
        end
    }

    /// Writes the span of `edge` with more about it.
    pub fn span_with(&self, edge: Edge, start: Stamp, end: Stamp, tell: impl FnOnce(&mut SpanRecord)) {
        if self.on {
            tell(self.trace.lock().record(edge, start, end));
        }
    }
}
