//! The tasks that were accepted and have not ended. Pure.

use std::collections::HashMap;

use vyr_model::TaskId;

use super::{
    meta::{Kind, Meta},
    segment::Position,
};

/// What is known of a task that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LiveTask {
    /// The place in the order of submits.
    pub(super) order: u64,
    /// Its `Accepted` or `Carried` entry.
    pub(super) accepted: Position,
    /// How often it was started.
    pub(super) attempts: u32,
    /// Its `Bound` entries since.
    pub(super) bound: Vec<Position>,
}

/// The tasks that have not ended, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LiveTasks(HashMap<TaskId, LiveTask>);

impl LiveTasks {
    /// Takes in the entry at `at`.
    pub(super) fn apply(&mut self, meta: &Meta<'_>, at: Position) {
        match meta.kind {
            Kind::Accepted | Kind::Carried => {
                let order = if meta.kind == Kind::Carried { meta.order } else { at.0 };
                let task = LiveTask { order, accepted: at, attempts: meta.attempts, bound: Vec::new() };
                self.0.insert(meta.task, task);
            }
            Kind::Bound => {
                if let Some(task) = self.0.get_mut(&meta.task) {
                    task.bound.push(at);
                }
            }
            Kind::Started => {
                if let Some(task) = self.0.get_mut(&meta.task) {
                    task.attempts = task.attempts.max(meta.attempts.max(1));
                }
            }
            Kind::Ended => {
                self.0.remove(&meta.task);
                if self.0.is_empty() {
                    self.0.shrink_to(1_024);
                }
            }
        }
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns all in the order of their submits.
    pub(super) fn in_order(&self) -> Vec<(TaskId, LiveTask)> {
        let mut all: Vec<_> = self.0.iter().map(|(id, task)| (*id, task.clone())).collect();
        all.sort_unstable_by_key(|(_, task)| task.order);
        all
    }

    /// Returns those with an entry in `segment` or an older one.
    pub(super) fn resting_on(&self, segment: u32) -> Vec<(TaskId, LiveTask)> {
        let rests = |task: &LiveTask| {
            task.accepted.segment() <= segment || task.bound.iter().any(|at| at.segment() <= segment)
        };
        let mut all: Vec<_> =
            self.0.iter().filter(|(_, task)| rests(task)).map(|(id, task)| (*id, task.clone())).collect();
        all.sort_unstable_by_key(|(_, task)| task.order);
        all
    }

    /// Writes all down, for an index file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 48);
        for (id, task) in &self.0 {
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(&task.order.to_le_bytes());
            bytes.extend_from_slice(&task.accepted.0.to_le_bytes());
            bytes.extend_from_slice(&task.attempts.to_le_bytes());
            bytes.extend_from_slice(&u32::try_from(task.bound.len()).unwrap_or(0).to_le_bytes());
            for at in &task.bound {
                bytes.extend_from_slice(&at.0.to_le_bytes());
            }
        }
        bytes
    }

    /// Reads what [`Self::encode`] wrote; `None` where it is something else.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut tasks = HashMap::new();
        while !bytes.is_empty() {
            let id = TaskId::from_bytes(take(&mut bytes)?);
            let order = u64::from_le_bytes(take(&mut bytes)?);
            let accepted = Position(u64::from_le_bytes(take(&mut bytes)?));
            let attempts = u32::from_le_bytes(take(&mut bytes)?);
            let count = u32::from_le_bytes(take(&mut bytes)?);
            let mut bound = Vec::new();
            for _ in 0..count {
                bound.push(Position(u64::from_le_bytes(take(&mut bytes)?)));
            }
            tasks.insert(id, LiveTask { order, accepted, attempts, bound });
        }
        Some(Self(tasks))
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_from_its_bytes() {
        let mut tasks = LiveTasks::default();
        let id = TaskId::generate();
        let mut meta =
            Meta { kind: Kind::Accepted, task: id, key: b"", accepted_unix_nanos: 7, attempts: 0, order: 0 };
        tasks.apply(&meta, Position::new(1, 16));
        meta.kind = Kind::Bound;
        tasks.apply(&meta, Position::new(2, 90));
        meta.kind = Kind::Started;
        meta.attempts = 2;
        tasks.apply(&meta, Position::new(2, 200));
        assert_eq!(LiveTasks::decode(&tasks.encode()), Some(tasks.clone()));
        assert_eq!(tasks.resting_on(1).len(), 1);
        assert_eq!(LiveTasks::decode(&[1; 17]), None);
        meta.kind = Kind::Ended;
        tasks.apply(&meta, Position::new(3, 16));
        assert_eq!(tasks.len(), 0);
    }
}
