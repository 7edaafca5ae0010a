use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use vyr_proto::record::{Ended, Span};

use crate::Edge;

/// Compares what traces tell with what happened.
///
/// Code sites call [`Self::passed`] as they pass an edge, whether or not they record a span;
/// finished traces go through [`Self::traced`]. The denominator thus never comes from a trace:
/// a span that is lost, or never written, makes the figure fall.
#[derive(Debug, Default)]
pub struct Coverage {
    passed: [AtomicU64; Edge::COUNT],
    traced: [AtomicU64; Edge::COUNT],
    wall_nanos: AtomicU64,
    explained_nanos: AtomicU64,
}

/// The figures at one moment. Tasks under way count as passed and not yet traced.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverageReport {
    /// Edges that code sites counted.
    pub edges_passed: u64,
    /// Of those, edges that have a span.
    pub edges_traced: u64,
    /// Wall time of finished tasks by its own clock, in nanoseconds.
    pub wall_nanos: u64,
    /// Of that, what child spans explain, in nanoseconds.
    pub explained_nanos: u64,
    /// Edges with fewer spans than passes, and how many are missing.
    pub missing: Vec<(Edge, u64)>,
}

impl CoverageReport {
    /// Returns the share of critical edges that have a span: 0 to 1.
    pub fn edge_ratio(&self) -> f64 {
        ratio(self.edges_traced, self.edges_passed)
    }

    /// Returns the share of wall time that spans explain: 0 to 1.
    pub fn wall_ratio(&self) -> f64 {
        ratio(self.explained_nanos, self.wall_nanos)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl Coverage {
    /// Counts a pass of `edge`. One relaxed atomic add.
    pub fn passed(&self, edge: Edge) {
        add(&self.passed, edge);
    }

    /// Takes in a finished trace.
    pub fn traced(&self, ended: &Ended) {
        for edge in ended.spans.iter().filter_map(|span| Edge::from_number(span.edge)) {
            add(&self.traced, edge);
        }
        self.wall_nanos.fetch_add(ended.wall_nanos, Relaxed);
        self.explained_nanos.fetch_add(explained_nanos(&ended.spans).min(ended.wall_nanos), Relaxed);
    }

    /// Returns how often `edge` was passed.
    pub fn count(&self, edge: Edge) -> u64 {
        self.passed.get(edge.index()).map_or(0, |count| count.load(Relaxed))
    }

    /// Computes the figures.
    pub fn report(&self) -> CoverageReport {
        let mut report = CoverageReport {
            edges_passed: 0,
            edges_traced: 0,
            wall_nanos: self.wall_nanos.load(Relaxed),
            explained_nanos: self.explained_nanos.load(Relaxed),
            missing: Vec::new(),
        };
        for (edge, (passed, traced)) in Edge::ALL.into_iter().zip(self.passed.iter().zip(&self.traced)) {
            let (passed, traced) = (passed.load(Relaxed), traced.load(Relaxed));
            report.edges_passed += passed;
            report.edges_traced += traced.min(passed);
            if traced < passed {
                report.missing.push((edge, passed - traced));
            }
        }
        report
    }
}

fn add(counts: &[AtomicU64; Edge::COUNT], edge: Edge) {
    if let Some(count) = counts.get(edge.index()) {
        count.fetch_add(1, Relaxed);
    }
}

/// Returns how many nanoseconds of the root span its children explain: the union of their
/// intervals, each cut to the root's.
pub fn explained_nanos(spans: &[Span]) -> u64 {
    let Some(root) = spans.iter().find(|span| span.edge == Edge::Task.number()) else { return 0 };
    let (from, to) = interval(root);
    let mut intervals: Vec<_> = spans
        .iter()
        .filter(|span| span.edge != Edge::Task.number())
        .map(interval)
        .map(|(start, end)| (start.max(from), end.min(to)))
        .filter(|(start, end)| start < end)
        .collect();
    intervals.sort_unstable();
    let mut covered_to = from;
    let mut sum = 0;
    for (start, end) in intervals {
        sum += end.saturating_sub(start.max(covered_to));
        covered_to = covered_to.max(end);
    }
    sum
}

const fn interval(span: &Span) -> (u64, u64) {
    (span.start_unix_nanos, span.start_unix_nanos.saturating_add(span.duration_nanos))
}
