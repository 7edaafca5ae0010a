//! What people and programs read.

use std::io::Write as _;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::error::CliError;

/// Prints one JSON value on a line of stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Prints a line of stdout; a closed pipe is an error, not a panic.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<(), CliError> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// A table without lines.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Prints a table without spaces at the ends of its lines.
pub(crate) fn print(table: &Table) -> Result<(), CliError> {
    for row in table.lines() {
        line(row.trim_end())?;
    }
    Ok(())
}
