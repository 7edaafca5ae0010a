use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a task may use at most. Each field has its own terminal reason, a [`LimitKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of linear memory and tables, summed over all of the task's instances. Default 256 MiB.
    pub memory_bytes: u64,
    /// Time from the start of execution to its end. Default 5 minutes.
    pub wall_time: Duration,
    /// Time the guest spends on a processor. Default 5 minutes.
    pub cpu_time: Duration,
    /// Wasm instructions by wasmtime's fuel count; `None` does not count them. Default `None`.
    pub fuel: Option<u64>,
    /// Bytes that the guest may write to stdout. Default 1 GiB.
    pub stdout_bytes: u64,
    /// Bytes that the guest may write to stderr. Default 16 MiB.
    pub stderr_bytes: u64,
    /// Bytes in all files under `/out` together. Default 1 GiB.
    pub output_bytes: u64,
    /// Host handles (files, streams, pollables, buckets) open at once. Default 1,024.
    pub handles: u32,
    /// Bytes that one host call may move into or out of the guest. Default 16 MiB.
    pub host_call_bytes: u64,
    /// Time a task may wait, held, for `BindState`. Default 1 minute.
    pub hold_time: Duration,
}

const MIB: u64 = 1 << 20;

impl Limits {
    /// No limit of time may be longer: 365 days.
    pub const MAX_TIME: Duration = Duration::from_secs(365 * 86_400);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 * MIB,
            wall_time: Duration::from_secs(300),
            cpu_time: Duration::from_secs(300),
            fuel: None,
            stdout_bytes: 1024 * MIB,
            stderr_bytes: 16 * MIB,
            output_bytes: 1024 * MIB,
            handles: 1024,
            host_call_bytes: 16 * MIB,
            hold_time: Duration::from_secs(60),
        }
    }
}

/// The limit that ended a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// More memory was asked for than [`Limits::memory_bytes`].
    Memory,
    /// [`Limits::wall_time`] passed.
    WallTime,
    /// [`Limits::cpu_time`] was used up.
    CpuTime,
    /// [`Limits::fuel`] was used up.
    Fuel,
    /// stdout grew past [`Limits::stdout_bytes`].
    Stdout,
    /// stderr grew past [`Limits::stderr_bytes`].
    Stderr,
    /// `/out` grew past [`Limits::output_bytes`].
    Output,
    /// More than [`Limits::handles`] were open at once.
    Handles,
    /// One host call moved more than [`Limits::host_call_bytes`].
    HostCallBytes,
    /// No `BindState` came within [`Limits::hold_time`].
    HoldTime,
}

impl LimitKind {
    /// Returns the name used in the API, the trace and on screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::WallTime => "wall_time",
            Self::CpuTime => "cpu_time",
            Self::Fuel => "fuel",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Output => "output",
            Self::Handles => "handles",
            Self::HostCallBytes => "host_call_bytes",
            Self::HoldTime => "hold_time",
        }
    }
}
