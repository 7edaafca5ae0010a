use std::time::Duration;

use tokio::time::Instant;
use vyr_model::StateId;

/// The kernel's figures at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateGauges {
    /// States that exist.
    pub states: usize,
    /// States that at least one binding holds.
    pub bound_states: usize,
    /// Bindings of all states.
    pub bindings: usize,
    /// Bytes of keys and values in all states.
    pub bytes: u64,
}

/// One state as a list shows it; never what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateInfo {
    /// The state.
    pub id: StateId,
    /// The name given at its creation; two states may have the same.
    pub name: String,
    /// Bytes of keys and values that it may hold.
    pub quota: u64,
    /// Bytes of keys and values that it holds.
    pub bytes: u64,
    /// Keys that it holds.
    pub keys: usize,
    /// Bindings that hold it.
    pub bindings: usize,
    /// Time it stays after its last binding ends.
    pub ttl: Duration,
    /// When it goes; `None` while it is bound.
    pub expires: Option<Instant>,
}
