use std::fmt::Write as _;

use anyhow::Result;

use super::{Options, Results, goals};
use crate::report::keep;

/// Prints the table, and writes it and the raw numbers.
pub(super) fn write(options: &Options, results: &Results) -> Result<()> {
    let table = markdown(results)?;
    print!("{table}");
    if options.run.no_write {
        return Ok(());
    }
    let quick = if results.quick { "-quick" } else { "" };
    let name = format!("market-{}-{}{quick}", results.date, results.machine.commit());
    keep(&options.run.results, &name, results, table)
}

fn markdown(results: &Results) -> Result<String> {
    let mut text = String::new();
    let quick = if results.quick { " (quick: a look, no result)" } else { "" };
    writeln!(text, "# Bench of the market, {}{quick}\n", results.date)?;
    writeln!(text, "{}.\n", results.machine.line())?;
    writeln!(text, "Binaries: `{}`.\n", results.build)?;
    writeln!(
        text,
        "Times are P50 / P95 / P99. Server, PostgreSQL, chain, container engine, nodes and buyers share the"
    )?;
    writeln!(
        text,
        "machine, and are the real ones; the chain is a local box with blocks as the public ones have.\n"
    )?;
    writeln!(text, "| what | asked | goal | measured | met | load |")?;
    writeln!(text, "|---|---|---|---|---|---|")?;
    for row in goals::rows(results) {
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        let (what, asked, goal) = (row.what, row.asked, row.goal);
        writeln!(text, "| {what} | {asked} | {goal} | {} | {met} | {} |", row.measured, row.load)?;
    }
    if let Some(first) = &results.first_line {
        let steps = &first.timeline;
        writeln!(text, "\n## Where the time goes: submit → first line\n")?;
        writeln!(text, "| step, by the server's tables | P50 / P95 / P99 |\n|---|---|")?;
        for (what, step) in [
            ("draft made → escrow open, files there, queued", &steps.draft),
            ("queued → a node chosen", &steps.queued),
            ("chosen → taken by the node", &steps.assigned),
            ("taken → script started", &steps.prepared),
        ] {
            writeln!(text, "| {what} | {} |", step.shown_95())?;
        }
    }
    Ok(text)
}
