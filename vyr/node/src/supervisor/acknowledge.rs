use std::sync::Arc;

use vyr_model::{Durability, Failure};
use vyr_telemetry::record::{RecordError, Synced};

use super::{Supervisor, finish::End};
use crate::tasks::Task;

/// A submit whose task is listed, and whose record is on its way to the disk.
pub(super) struct Acknowledging {
    supervisor: Arc<Supervisor>,
    task: Arc<Task>,
    synced: Option<Synced>,
}

impl Acknowledging {
    pub(super) fn new(supervisor: &Arc<Supervisor>, task: &Arc<Task>, synced: Synced) -> Self {
        // a volatile task's entry waits in memory: nothing can refuse it any more
        let synced = (task.spec.durability == Durability::Durable).then_some(synced);
        Self { supervisor: Arc::clone(supervisor), task: Arc::clone(task), synced }
    }

    /// Waits until the task may be acknowledged; where the disk refuses it, nothing is left of it.
    pub(super) async fn done(mut self) -> Result<(), RecordError> {
        let Some(synced) = &mut self.synced else { return Ok(()) };
        let recorded = synced.await;
        self.synced = None;
        self.settle(recorded.is_ok());
        recorded
    }

    fn settle(&self, recorded: bool) {
        if recorded {
            self.supervisor.list(&self.task);
            self.supervisor.show_joined(&self.task);
        } else {
            self.supervisor.withdraw(&self.task);
        }
    }
}

impl Drop for Acknowledging {
    fn drop(&mut self) {
        // the caller went away: the disk's answer counts all the same
        let Some(synced) = self.synced.take() else { return };
        let rest =
            Self { supervisor: Arc::clone(&self.supervisor), task: Arc::clone(&self.task), synced: None };
        self.supervisor.guests.spawn(async move { rest.settle(synced.await.is_ok()) });
    }
}

impl Supervisor {
    /// Takes back a task whose submit could not be recorded, and so was refused: it never runs, or what it
    /// did ahead of the disk is forgotten. Only those who follow all tasks have heard of one that was
    /// listed, and hear of its end.
    pub(super) fn withdraw(&self, task: &Arc<Task>) {
        let why = Failure::Internal("its submit could not be recorded, and was refused".to_owned());
        // one that ran to its end meanwhile is forgotten by its runner
        if let Some(ending) = self.end(task, End::failed(why)) {
            self.forget(task, ending);
        }
        task.cancel.cancel();
        self.kick();
    }
}
