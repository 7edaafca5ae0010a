//! Whether jobs end well, and what is paid for them.

use super::Row;
use crate::market::measure::{Chain, Settlements, Success};
use crate::samples::number;

/// Fewer jobs cannot tell 99.9 % from less.
const TELLING: usize = 1_000;

pub(super) fn success(measured: &Success, rows: &mut Vec<Row>) {
    let share = 100.0 * measured.completed as f64 / (measured.jobs as f64).max(1.0);
    rows.push(Row {
        what: "job success",
        asked: "> 95 %",
        goal: "≥ 99.9 % under injected node loss",
        measured: format!("{} of {} ({share:.2} %)", measured.completed, measured.jobs),
        // without a loss the row shows nothing, and neither does it of few jobs
        met: (measured.attempts_lost > 0 && measured.jobs >= TELLING).then_some(share >= 99.9),
        load: format!(
            "{} kills of 4 nodes in {:.0} s, {} attempts lost by them, {} submits tried again",
            measured.deaths, measured.seconds, measured.attempts_lost, measured.refused
        ),
    });
    rows.push(books(measured));
}

fn books(measured: &Success) -> Row {
    Row {
        what: "settlement accuracy, meter against chain",
        asked: "100 %",
        goal: "zero unit error",
        measured: format!("{} wrong of {} escrows", measured.unlike.len(), measured.escrows),
        met: (measured.escrows > 0).then_some(measured.unlike.is_empty()),
        load: "the jobs of the row above: how the chain closed each escrow, and what its meter says"
            .to_owned(),
    }
}

pub(super) fn settlements(measured: &Settlements) -> Row {
    Row {
        what: "settlement accuracy",
        asked: "100 %",
        goal: "10^6 random jobs, zero unit error",
        measured: format!("{} wrong of {} in {} s", measured.wrong, measured.jobs, number(measured.seconds)),
        met: Some(measured.wrong == 0),
        load: "the market's rules and the escrow's, no I/O".to_owned(),
    }
}

pub(super) fn chain(measured: &Chain, rows: &mut Vec<Row>) {
    for job in &measured.jobs {
        let most = job.units.iter().max().copied().unwrap_or(0);
        let units: Vec<String> = job.units.iter().map(u64::to_string).collect();
        rows.push(Row {
            what: if job.coin == "USDC" { "chain cost, USDC" } else { "chain cost, SOL" },
            asked: "–",
            goal: "≤ 3 signatures, ≤ 0.004 SOL locked and returned, ≤ 20k CU an instruction",
            measured: format!(
                "{} signatures, {:.6} SOL locked, {} lamports kept (of a first job {}, in accounts that its payees keep); \
                 CU {}",
                job.signatures,
                job.locked as f64 / 1e9,
                job.kept,
                job.kept_first,
                units.join(" / ")
            ),
            met: Some(job.signatures <= 3 && job.locked <= 4_000_000 && job.kept == 0 && most <= 20_000),
            load: "a real job on the local chain".to_owned(),
        });
    }
}
