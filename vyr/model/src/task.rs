use std::time::{Duration, SystemTime};

use crate::{Digest, Grants, LimitKind, Limits, StateId};

/// What a submit asks for, parsed and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSpec {
    /// The artifact to run.
    pub artifact: Digest,
    /// The blob that streams to stdin; `None` is an empty stdin.
    pub input: Option<Digest>,
    /// The program's arguments, without the program's own name.
    pub args: Vec<String>,
    /// The states the task can reach, by binding name.
    pub bindings: Vec<BindingSpec>,
    /// What the task may use at most.
    pub limits: Limits,
    /// What the task may reach; nothing else.
    pub grants: Grants,
    /// When the submit is acknowledged.
    pub durability: Durability,
    /// Whether the task may run again when the node stopped in its middle.
    pub idempotent: bool,
    /// Whether the guest gets a `/out` folder, whose files become blobs.
    pub out_dir: bool,
    /// Whether the guest is told its place in the trace, by `TRACEPARENT`.
    pub trace_context: bool,
    /// Whether equal inputs are to give equal outputs, byte for byte.
    pub determinism: Option<Determinism>,
}

/// What a guest gets in place of chance and time, so that a second run on another machine gives the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Determinism {
    /// What random bytes come from.
    pub seed: u64,
    /// What the wall clock shows at the start. Clocks go on by a microsecond at each look, and not by themselves.
    pub clock: SystemTime,
}

/// When a submit is acknowledged and a terminal state is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// After the record is synced to disk: no acknowledged task vanishes.
    #[default]
    Durable,
    /// At once: a crash may forget the task.
    Volatile,
}

/// One name under which the guest reaches a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingSpec {
    /// The store identifier that the guest opens.
    pub name: String,
    /// The state; `None` holds the task queued until `BindState` names one.
    pub state: Option<StateId>,
    /// What the guest may do with it.
    pub mode: BindMode,
}

/// Whether a binding may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindMode {
    /// Reads only: each write is access-denied.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// Where a task stands. The allowed moves are those of [`transition_allowed`].
///
/// ```text
/// queued ──► starting ──► running ──► succeeded | failed
///   │  ╲        │  ╲         │  ╲
///   │   ╲       │   ╲        │   ► cancelled
///   ▼    ► cancelled, failed ▼
///  lost       lost          lost
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// Recorded; waits for its turn or, held, for a state.
    Queued,
    /// Being verified, loaded, bound and instantiated.
    Starting,
    /// The guest executes.
    Running,
    /// The end; never left again.
    Terminal(Terminal),
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terminal {
    /// The guest returned success, exit code 0.
    Succeeded,
    /// The task did not do its work, for this reason.
    Failed(Failure),
    /// `CancelTask` ended it.
    Cancelled,
    /// The node stopped while the task was running: what it did is unknown.
    Lost,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The guest trapped; the text is the trap's.
    Trap(String),
    /// The guest exited with this code, not 0.
    Exit(i32),
    /// A limit ended it.
    Limit(LimitKind),
    /// The artifact's digest, signature or trust did not hold.
    Verify(String),
    /// The artifact does not compile, or imports what the host does not give.
    Link(String),
    /// A state that it was bound to, or held for, is gone.
    StateLost(String),
    /// A granted folder could not be opened when the task was to start.
    Grant(String),
    /// The node's own fault.
    Internal(String),
}

impl Failure {
    /// Returns the name used in the API, the trace and on screen.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Exit(_) => "exit",
            Self::Limit(_) => "limit",
            Self::Verify(_) => "verify",
            Self::Link(_) => "link",
            Self::StateLost(_) => "state_lost",
            Self::Grant(_) => "grant",
            Self::Internal(_) => "internal",
        }
    }
}

impl TaskState {
    /// Returns the name used in the API, the trace and on screen.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Terminal(Terminal::Succeeded) => "succeeded",
            Self::Terminal(Terminal::Failed(_)) => "failed",
            Self::Terminal(Terminal::Cancelled) => "cancelled",
            Self::Terminal(Terminal::Lost) => "lost",
        }
    }

    /// Tells whether the task has ended.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }
}

/// Tells whether a task may move from `from` to `to`.
pub fn transition_allowed(from: &TaskState, to: &TaskState) -> bool {
    use TaskState::{Queued, Running, Starting, Terminal as End};
    match (from, to) {
        (Queued, Starting) | (Starting, Running) => true,
        (Queued | Starting, End(Terminal::Succeeded)) => false,
        (Queued | Starting | Running, End(_)) => true,
        // an idempotent task whose node stopped goes back to the queue
        (Starting | Running, Queued) => true,
        _ => false,
    }
}

/// What a task left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// What the guest wrote to stdout.
    pub stdout: Option<StreamOutput>,
    /// What the guest wrote to stderr.
    pub stderr: Option<StreamOutput>,
    /// The files under `/out`, sorted by path.
    pub files: Vec<OutputFile>,
}

/// A stored stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOutput {
    /// The blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// The path below `/out`, with `/` between its parts.
    pub path: String,
    /// The blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// The times of a task's life, by the node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskTimes {
    /// When the submit was accepted.
    pub accepted: SystemTime,
    /// When the guest started, if it did.
    pub started: Option<SystemTime>,
    /// When the task ended, if it has.
    pub ended: Option<SystemTime>,
    /// Processor time of the guest.
    pub cpu: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_terminal_state_and_success_needs_a_run() {
        let all = [
            TaskState::Queued,
            TaskState::Starting,
            TaskState::Running,
            TaskState::Terminal(Terminal::Succeeded),
            TaskState::Terminal(Terminal::Failed(Failure::Exit(1))),
            TaskState::Terminal(Terminal::Cancelled),
            TaskState::Terminal(Terminal::Lost),
        ];
        for to in &all {
            for from in all.iter().filter(|from| from.is_terminal()) {
                assert!(!transition_allowed(from, to), "{from:?} -> {to:?}");
            }
        }
        let success = TaskState::Terminal(Terminal::Succeeded);
        assert!(!transition_allowed(&TaskState::Queued, &success));
        assert!(transition_allowed(&TaskState::Running, &success));
    }
}
