use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use opentelemetry::KeyValue;
use vyr_model::{Failure, LimitKind, Terminal};

use crate::attr;

/// How much had to be made before a task could start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartClass {
    /// The artifact had never been compiled.
    Unseen,
    /// Machine code was on disk, nothing in memory.
    Cold,
    /// The module was in memory.
    Warm,
}

impl StartClass {
    pub(super) const ALL: [Self; 3] = [Self::Unseen, Self::Cold, Self::Warm];

    /// Returns the name used in metrics and spans.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

/// The limits, in the order of their slots.
const LIMITS: [LimitKind; 10] = [
    LimitKind::Memory,
    LimitKind::WallTime,
    LimitKind::CpuTime,
    LimitKind::Fuel,
    LimitKind::Stdout,
    LimitKind::Stderr,
    LimitKind::Output,
    LimitKind::Handles,
    LimitKind::HostCallBytes,
    LimitKind::HoldTime,
];

/// Ends that are not by a limit: state and failure.
const ENDS: [(&str, &str); 9] = [
    ("succeeded", ""),
    ("cancelled", ""),
    ("lost", ""),
    ("failed", "trap"),
    ("failed", "exit"),
    ("failed", "verify"),
    ("failed", "link"),
    ("failed", "state_lost"),
    ("failed", "internal"),
];

/// What the hot path counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) accepted: AtomicU64,
    pub(super) started: AtomicU64,
    ends: [AtomicU64; ENDS.len() + LIMITS.len()],
}

impl Counts {
    pub(super) fn ended(&self, terminal: &Terminal) {
        let (state, failure) = match terminal {
            Terminal::Succeeded => ("succeeded", ""),
            Terminal::Cancelled => ("cancelled", ""),
            Terminal::Lost => ("lost", ""),
            Terminal::Failed(failure) => ("failed", failure.kind()),
        };
        let slot = match terminal {
            Terminal::Failed(Failure::Limit(limit)) => {
                LIMITS.iter().position(|kind| kind == limit).map(|place| ENDS.len() + place)
            }
            _ => ENDS.iter().position(|end| *end == (state, failure)),
        };
        if let Some(count) = slot.and_then(|slot| self.ends.get(slot)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Returns every kind of end that was seen, with its attributes.
    pub(super) fn ends(&self) -> Vec<(Vec<KeyValue>, u64)> {
        let plain = ENDS.iter().map(|(state, failure)| {
            let mut attributes = vec![KeyValue::new(attr::TASK_STATE, *state)];
            if !failure.is_empty() {
                attributes.push(KeyValue::new(attr::TASK_FAILURE, *failure));
            }
            attributes
        });
        let limits = LIMITS.iter().map(|limit| {
            vec![
                KeyValue::new(attr::TASK_STATE, "failed"),
                KeyValue::new(attr::TASK_FAILURE, "limit"),
                KeyValue::new(attr::TASK_LIMIT, limit.as_str()),
            ]
        });
        let counts = self.ends.iter().map(|count| count.load(Relaxed));
        plain.chain(limits).zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}
