use super::{buyers, money, nodes};
use crate::market::Results;
use crate::samples::Latency;

/// A row of the table.
pub(in crate::market) struct Row {
    pub(in crate::market) what: &'static str,
    pub(in crate::market) asked: &'static str,
    pub(in crate::market) goal: &'static str,
    pub(in crate::market) measured: String,
    /// Whether the goal is met; none where there is none.
    pub(in crate::market) met: Option<bool>,
    pub(in crate::market) load: String,
}

/// Makes the rows of what was measured.
pub(in crate::market) fn rows(results: &Results) -> Vec<Row> {
    let mut rows = Vec::new();
    let all = &mut rows;
    results.first_line.iter().for_each(|measured| buyers::first_line(measured, all));
    results.lost.iter().for_each(|measured| nodes::lost(measured, all));
    results.screen.iter().for_each(|measured| buyers::screen(measured, all));
    results.scale.iter().for_each(|measured| nodes::scale(measured, all));
    results.placements.iter().for_each(|measured| nodes::placements(measured, all));
    results.success.iter().for_each(|measured| money::success(measured, all));
    all.extend(results.settlements.iter().map(money::settlements));
    results.chain.iter().for_each(|measured| money::chain(measured, all));
    results.start.iter().for_each(|measured| buyers::start(measured, all));
    all.extend(results.installs.iter().map(nodes::installs));
    all.extend(results.earnings.iter().map(nodes::earnings));
    rows
}

pub(super) fn seconds(micros: f64) -> f64 {
    micros / 1e6
}

/// A time without a goal.
pub(super) fn plain(what: &'static str, measured: &Latency, load: &str) -> Row {
    Row { what, asked: "–", goal: "–", measured: measured.shown_95(), met: None, load: load.to_owned() }
}
