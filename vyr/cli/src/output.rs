//! What people and programs read: statuses, sizes and times in one form everywhere.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use comfy_table::{Table, presets};
use serde::Serialize;
use vyr_sdk::control::{FailureKind, LimitKind, TaskState, TaskStatus};

use crate::error::CliError;

/// Prints one JSON value on a line of stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let mut text = serde_json::to_vec(value).map_err(io::Error::from)?;
    text.push(b'\n');
    bytes(&text)
}

/// Prints bytes on stdout.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|source| CliError::Output { stream: "stdout", source })
}

/// Prints a line of stdout; a closed pipe is an error, not a panic.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<(), CliError> {
    bytes(format!("{text}\n").as_bytes())
}

/// Makes a table without lines, as `ls` and its like print.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Returns the lowercase name of a task's state.
pub(crate) fn state(status: &TaskStatus) -> &'static str {
    match status.state.as_known() {
        Some(TaskState::Queued) if status.held => "held",
        Some(TaskState::Queued) => "queued",
        Some(TaskState::Starting) => "starting",
        Some(TaskState::Running) => "running",
        Some(TaskState::Succeeded) => "succeeded",
        Some(TaskState::Failed) => "failed",
        Some(TaskState::Cancelled) => "cancelled",
        Some(TaskState::Lost) => "lost",
        Some(TaskState::Unspecified) | None => "unknown",
    }
}

/// Says why a task failed, as the node told it; empty for one that did not.
pub(crate) fn failure(status: &TaskStatus) -> String {
    let what = match status.failure.as_known() {
        Some(FailureKind::Exit) => return format!("exit code {}", status.exit_code),
        Some(FailureKind::Limit) => return format!("limit: {}", limit(status)),
        Some(FailureKind::Trap) => "trap",
        Some(FailureKind::Verify) => "verify",
        Some(FailureKind::Link) => "link",
        Some(FailureKind::StateLost) => "state lost",
        Some(FailureKind::Grant) => "grant",
        Some(FailureKind::Internal) => "internal",
        Some(FailureKind::Unspecified) | None => return status.message.clone(),
    };
    if status.message.is_empty() { what.to_owned() } else { format!("{what}: {}", status.message) }
}

/// Returns the name of the limit that ended a task.
pub(crate) fn limit(status: &TaskStatus) -> &'static str {
    match status.limit.as_known() {
        Some(LimitKind::Memory) => "memory",
        Some(LimitKind::WallTime) => "wall_time",
        Some(LimitKind::CpuTime) => "cpu_time",
        Some(LimitKind::Fuel) => "fuel",
        Some(LimitKind::Stdout) => "stdout",
        Some(LimitKind::Stderr) => "stderr",
        Some(LimitKind::Output) => "output",
        Some(LimitKind::Handles) => "handles",
        Some(LimitKind::HostCallBytes) => "host_call_bytes",
        Some(LimitKind::HoldTime) => "hold_time",
        Some(LimitKind::Unspecified) | None => "unknown",
    }
}

/// Prints a duration in the unit that a person would choose.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.2} s"),
        s => format!("{:.0} min {:02.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

/// Prints a byte count in binary units.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let shown: Vec<_> =
            [21, 1_234, 1_500_000, 125_000_000].map(|us| time(Duration::from_micros(us))).into();
        assert_eq!(shown, ["21 µs", "1.23 ms", "1.50 s", "2 min 05 s"]);
    }
}
