use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{goals, options::Options, samples::shown, suite::Results};

/// Prints the table, and writes it and the raw numbers.
pub(crate) fn write(options: &Options, results: &Results) -> Result<()> {
    let table = markdown(results)?;
    print!("{table}");
    if options.run.no_write {
        return Ok(());
    }
    let quick = if results.quick { "-quick" } else { "" };
    keep(
        &options.run.results,
        &format!("{}-{}{quick}", results.date, results.machine.commit()),
        results,
        table,
    )
}

/// Writes the raw numbers and their table.
pub(crate) fn keep(folder: &Path, name: &str, results: &impl Serialize, table: String) -> Result<()> {
    fs::create_dir_all(folder).context("cannot make the folder for results")?;
    let mut json = serde_json::to_string_pretty(results)?;
    json.push('\n');
    for (extension, text) in [("json", json), ("md", table)] {
        let path = folder.join(format!("{name}.{extension}"));
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

fn markdown(results: &Results) -> Result<String> {
    let mut text = String::new();
    let quick = if results.quick { " (quick: a look, no result)" } else { "" };
    writeln!(text, "# Bench of {}{quick}\n", results.date)?;
    writeln!(text, "{}.\n", results.machine.line())?;
    writeln!(text, "Times are P50 / P99, submit → end seen on an open stream, through the Control API.")?;
    writeln!(text, "Ratios of times are ours by the peer's, of the same run.\n")?;
    writeln!(text, "| what | asked | goal | peer in this run | measured | ratio |")?;
    writeln!(text, "|---|---|---|---|---|---|")?;
    for row in goals::rows(results) {
        let (what, asked, goal) = (row.what, row.asked, row.goal);
        writeln!(text, "| {what} | {asked} | {goal} | {} | {} | {} |", row.peer, row.measured, row.ratio)?;
    }
    steps(results, &mut text)?;
    Ok(text)
}

/// Where the time of the classes goes: the node's spans, and what lies outside them.
fn steps(results: &Results, text: &mut String) -> Result<()> {
    let cold = results.cold.as_ref();
    let classes = [
        ("cold", cold.map(|cold| &cold.cold)),
        ("warm", results.warm.as_ref()),
        ("unseen", cold.map(|cold| &cold.unseen)),
    ];
    for (name, class) in classes {
        let Some(class) = class else { continue };
        let sides = [
            ("durable", &class.steps.durable, &class.durable),
            ("volatile", &class.steps.volatile, &class.volatile),
        ];
        for (promise, steps, seen) in sides {
            writeln!(text, "\n## Where the time goes: {name}, {promise}\n")?;
            writeln!(text, "| span | P50 | P99 |\n|---|---|---|")?;
            let task = steps.iter().find(|step| step.span == "task");
            for step in steps.iter().filter(|step| step.span != "task") {
                writeln!(text, "| {} | {} | {} |", step.span, shown(&[step.p50_us]), shown(&[step.p99_us]))?;
            }
            if let Some(task) = task {
                let outside = (seen.p50_us - task.p50_us).max(0.0);
                writeln!(
                    text,
                    "| **task**, accept to end | {} | {} |",
                    shown(&[task.p50_us]),
                    shown(&[task.p99_us])
                )?;
                writeln!(text, "| client, wire, stream (the rest) | {} | – |", shown(&[outside]))?;
            }
            writeln!(
                text,
                "| **seen by the client** | {} | {} |",
                shown(&[seen.p50_us]),
                shown(&[seen.p99_us])
            )?;
        }
    }
    Ok(())
}
