use std::sync::{Arc, Weak};

use vyr_model::TaskId;
use vyr_runtime::Used;

use crate::supervisor::Supervisor;

/// Tells an embedding program what running tasks use. Clones look at the same node, and do not keep it.
#[derive(Clone)]
pub struct Meters(Weak<Supervisor>);

impl Meters {
    pub(crate) fn of_node(supervisor: &Arc<Supervisor>) -> Self {
        Self(Arc::downgrade(supervisor))
    }

    /// Returns what a task uses that has not ended. What its executor does not tell is zero.
    #[must_use]
    pub fn of(&self, task: TaskId) -> Option<Used> {
        Some(self.0.upgrade()?.table.get(task)?.used.clone())
    }
}
