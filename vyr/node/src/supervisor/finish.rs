use std::sync::Arc;

use vyr_model::{Durability, Failure, Outputs, TaskState, Terminal};
use vyr_proto::record;
use vyr_telemetry::{Edge, Stamp, TaskEvent};

use super::Supervisor;
use crate::tasks::{Task, status};

/// How a task ends, and what it leaves.
pub(super) struct End {
    pub(super) terminal: Terminal,
    pub(super) outputs: Outputs,
    /// Where the terminal span begins.
    pub(super) from: Stamp,
}

impl End {
    pub(super) fn of(terminal: Terminal) -> Self {
        Self { terminal, outputs: Outputs::default(), from: Stamp::now() }
    }

    pub(super) fn failed(failure: Failure) -> Self {
        Self::of(Terminal::Failed(failure))
    }
}

impl Supervisor {
    /// Ends a task: records the end with its trace, then tells everybody. A durable task's end
    /// is on disk before anybody hears of it.
    pub(super) async fn finish(&self, task: &Arc<Task>, end: End) {
        let Some((status, ended)) = self.end(task, end) else { return };
        let entry = record::Entry { entry: Some(Box::new(ended.clone()).into()), ..Default::default() };
        let recorded = match self.record.append(entry, task.spec.durability).await {
            Ok(synced) if task.spec.durability == Durability::Durable => synced.wait().await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            // its Started stands in the record: after a restart it is lost, never run again
            tracing::error!(task.id = %task.id, %error, "failed to record the end of a task");
        }
        self.coverage.traced(&ended);
        self.metrics.task_ended(&status);
        let ended = Arc::new(ended);
        if let Some(exporter) = &self.exporter {
            exporter.export(&ended);
        }
        self.table.remove(task.id);
        self.hub.publish_with(task.id, || TaskEvent {
            key: self.key(task, &status),
            status: status.clone(),
            ended: Some(Arc::clone(&ended)),
        });
    }

    /// Moves the task to its end; `None` where it has ended already.
    fn end(
        &self,
        task: &Arc<Task>,
        end: End,
    ) -> Option<(vyr_proto::control::TaskStatus, record::Ended)> {
        let mut phase = task.phase.lock();
        let to = TaskState::Terminal(end.terminal);
        if !vyr_model::transition_allowed(&phase.state, &to) {
            return None;
        }
        phase.state = to;
        phase.bindings.clear();
        let now = Stamp::now();
        phase.ended = Some(now);
        self.trace_end(task, &mut phase, end.from, now);
        let status = status(task, &phase, &end.outputs);
        let wall = now.since(task.accepted);
        let trace = phase.take_trace();
        Some((status.clone(), trace.into_ended(task.id, status, wall)))
    }
}
