use vyr_telemetry::{Coverage, Edge, explained_nanos};

use crate::support::{task, whole_trace};

/// Counts what a successful task passes, as its code sites do.
fn pass_all(coverage: &Coverage) {
    for edge in Edge::ALL.into_iter().take(13) {
        coverage.passed(edge);
    }
}

#[test]
fn a_whole_trace_explains_everything() {
    let coverage = Coverage::default();
    pass_all(&coverage);
    coverage.traced(&whole_trace(task(1)));
    let report = coverage.report();
    assert_eq!((report.edges_passed, report.edges_traced), (13, 13));
    assert_eq!((report.edge_ratio(), report.wall_ratio()), (1.0, 1.0));
    assert!(report.missing.is_empty());
}

#[test]
fn deleting_any_one_span_makes_the_figure_fall() {
    let whole = whole_trace(task(1));
    for place in 0..whole.spans.len() {
        let coverage = Coverage::default();
        pass_all(&coverage);
        let mut ended = whole.clone();
        let lost = ended.spans.remove(place);
        coverage.traced(&ended);
        let report = coverage.report();
        assert!(report.edge_ratio() < 1.0, "edge {}", lost.edge);
        assert!(report.wall_ratio() < 1.0, "edge {}", lost.edge);
        assert_eq!(report.missing, [(Edge::from_number(lost.edge).unwrap(), 1)]);
    }
}

#[test]
fn a_span_too_many_hides_no_span_too_few() {
    let coverage = Coverage::default();
    pass_all(&coverage);
    let mut ended = whole_trace(task(1));
    let execute = ended.spans.iter().position(|span| span.edge == Edge::Execute.number()).unwrap();
    ended.spans[execute].edge = Edge::Queue.number();
    coverage.traced(&ended);
    assert_eq!(coverage.report().edges_traced, 12);
    assert_eq!(coverage.report().missing, [(Edge::Execute, 1)]);
}

#[test]
fn explained_time_is_a_union_cut_to_the_root() {
    let mut ended = whole_trace(task(1));
    let root = ended.spans[0].clone();
    assert_eq!(explained_nanos(&ended.spans), 12_000_000);
    // one that covers all, sticking out on both sides, adds nothing and takes nothing
    let mut wide = ended.spans[5].clone();
    wide.start_unix_nanos = root.start_unix_nanos - 5_000_000;
    wide.duration_nanos = 50_000_000;
    ended.spans.push(wide.clone());
    assert_eq!(explained_nanos(&ended.spans), 12_000_000);
    assert_eq!(explained_nanos(&[root.clone(), wide]), 12_000_000);
    assert_eq!(explained_nanos(&[root]), 0);
    assert_eq!(explained_nanos(&[]), 0);
}
