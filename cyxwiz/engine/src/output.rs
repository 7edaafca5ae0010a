//! What people and programs read.

use std::io::Write as _;

use buffa_types::google::protobuf::Timestamp;
use comfy_table::{Table, presets};
use cyxwiz_chain::{Contract, Money};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::CliError;

/// Prints a line of talk on stderr; where nobody listens any more that is no reason to stop.
macro_rules! talk {
    ($($words:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(::std::io::stderr().lock(), $($words)*);
    }};
}

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

/// Money for programs: base units as a string, since JSON numbers lose digits above 2^53.
pub(crate) fn money(contract: &Contract, money: Money) -> Value {
    json!({
        "coin": money.coin.symbol(),
        "mint": contract.mint(money.coin).to_string(),
        "decimals": money.coin.decimals(),
        "base_units": money.amount.0.to_string(),
    })
}

/// A moment of the server's, to the second.
pub(crate) fn when(at: Option<&Timestamp>) -> String {
    let time = at.and_then(|at| jiff::Timestamp::from_second(at.seconds).ok());
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

/// Bytes as people say them.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => tenths(bytes, 1024, "KiB"),
        1_048_576..1_073_741_824 => tenths(bytes, 1 << 20, "MiB"),
        _ => tenths(bytes, 1 << 30, "GiB"),
    }
}

fn tenths(bytes: u64, unit: u64, name: &str) -> String {
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}
