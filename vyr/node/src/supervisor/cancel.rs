use std::sync::Arc;

use vyr_model::{TaskId, TaskState, Terminal};
use vyr_telemetry::{Edge, Stamp};

use super::{Supervisor, finish::End};
use crate::{Refusal, rpc::traces::task_not_found, tasks::Task};

impl Supervisor {
    /// Ends a task that has not ended; returns where it stands.
    pub(crate) async fn cancel(self: &Arc<Self>, id: TaskId) -> Result<TaskState, Refusal> {
        let asked = Stamp::now();
        let Some(task) = self.table.get(id) else {
            return self.ended_state(id).await?.ok_or_else(|| task_not_found(id));
        };
        let state = task.phase.lock().state.clone();
        match state {
            TaskState::Queued => {
                self.trace_cancel(&task, asked);
                // it may start at this very moment: then its guest ends, too
                task.cancel.cancel();
                let supervisor = Arc::clone(self);
                // a caller that goes away must not leave the end half told
                let ending = tokio::spawn(async move {
                    if supervisor.finish(&task, End::of(Terminal::Cancelled)).await {
                        return Ok(TaskState::Terminal(Terminal::Cancelled));
                    }
                    supervisor.stands(&task).await
                });
                ending.await.map_err(|_| Refusal::panicked(id))?
            }
            TaskState::Starting | TaskState::Running => {
                if !task.cancel.is_requested() {
                    self.trace_cancel(&task, asked);
                }
                task.cancel.cancel();
                self.kick();
                Ok(state)
            }
            TaskState::Terminal(_) => self.stands(&task).await,
        }
    }

    /// Tells where a task stands that was found in the table. Nobody hears of its end before that is in the record;
    /// but who reads the record may hear of it before the task has left the table, and may then ask here.
    async fn stands(&self, task: &Task) -> Result<TaskState, Refusal> {
        let state = task.phase.lock().state.clone();
        if !state.is_terminal() {
            return Ok(state);
        }
        Ok(self.ended_state(task.id).await?.unwrap_or(TaskState::Running))
    }

    fn trace_cancel(&self, task: &Task, asked: Stamp) {
        let tracer = self.tracer(task);
        tracer.passed(Edge::Cancel);
        tracer.span(Edge::Cancel, asked);
    }
}
