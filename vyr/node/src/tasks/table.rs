use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use vyr_model::TaskId;

use super::Task;

/// The tasks that have not ended, by id.
#[derive(Default)]
pub(crate) struct Table(RwLock<HashMap<TaskId, Arc<Task>>>);

/// A table that shrank this far below its capacity gives memory back.
const SPARE: usize = 1024;

impl Table {
    pub(crate) fn insert(&self, task: &Arc<Task>) {
        self.0.write().insert(task.id, Arc::clone(task));
    }

    pub(crate) fn get(&self, id: TaskId) -> Option<Arc<Task>> {
        self.0.read().get(&id).cloned()
    }

    pub(crate) fn remove(&self, id: TaskId) {
        let mut tasks = self.0.write();
        tasks.remove(&id);
        if tasks.is_empty() && tasks.capacity() > SPARE {
            tasks.shrink_to(SPARE);
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Task>> {
        self.0.read().values().cloned().collect()
    }
}
