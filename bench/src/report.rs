use std::{fmt::Write as _, fs};

use anyhow::{Context as _, Result};

use crate::{goals, options::Options, suite::Results};

/// Prints the table, and writes it and the raw numbers.
pub(crate) fn write(options: &Options, results: &Results) -> Result<()> {
    let table = markdown(results)?;
    print!("{table}");
    if options.no_write {
        return Ok(());
    }
    let quick = if results.quick { "-quick" } else { "" };
    let name = format!("{}-{}{quick}", results.date, results.machine.commit());
    fs::create_dir_all(&options.results).context("cannot make the folder for results")?;
    let mut json = serde_json::to_string_pretty(results)?;
    json.push('\n');
    for (extension, text) in [("json", json), ("md", table)] {
        let path = options.results.join(format!("{name}.{extension}"));
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
    Ok(text)
}
