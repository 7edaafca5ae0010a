use std::sync::Arc;

use vyr_model::{Durability, Failure};
use vyr_telemetry::{
    TaskEvent,
    record::{RecordError, Synced},
};

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
        recorded.inspect_err(|_| self.supervisor.withdraw(&self.task))
    }
}

impl Drop for Acknowledging {
    fn drop(&mut self) {
        // the caller went away: the disk's answer counts all the same
        let Some(synced) = self.synced.take() else { return };
        let (supervisor, task) = (Arc::clone(&self.supervisor), Arc::clone(&self.task));
        self.supervisor.guests.spawn(async move {
            if synced.await.is_err() {
                supervisor.withdraw(&task);
            }
        });
    }
}

impl Supervisor {
    /// Takes back a task whose submit could not be recorded, and so was refused: it never runs. Only
    /// those who follow all tasks have heard of it, and hear of its end.
    pub(super) fn withdraw(&self, task: &Arc<Task>) {
        let why = Failure::Internal("its submit could not be recorded, and was refused".to_owned());
        let Some((status, ended)) = self.end(task, End::failed(why)) else { return };
        if self.options.telemetry {
            self.coverage.traced(&ended);
        }
        self.table.remove(task.id);
        task.stdout.end();
        task.stderr.end();
        let key = self.key(task, &status);
        self.hub.publish_with(task.id, || TaskEvent { key, status, ended: Some(ended.into()) });
    }
}
