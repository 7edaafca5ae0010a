//! What the streams read: tasks that have not ended, and those that have.

use vyr_model::{Outputs, TaskId, TaskState, Terminal};
use vyr_proto::control;
use vyr_telemetry::{Filter, Subscription};

use super::Supervisor;
use crate::{Refusal, tasks::status};

impl Supervisor {
    /// Returns how a task ended; `None` where it has not, or is not known.
    pub(crate) async fn ended(&self, id: TaskId) -> Option<control::TaskStatus> {
        match self.record.ended(id).await {
            Ok(ended) => ended?.status.into_option(),
            Err(error) => {
                tracing::error!(task.id = %id, %error, "failed to read a task from the record");
                None
            }
        }
    }

    /// Tells whether the node has, or had, this task.
    pub(crate) async fn knows(&self, id: TaskId) -> bool {
        self.table.get(id).is_some() || self.ended(id).await.is_some()
    }

    /// Returns where a task that ended stands.
    pub(super) async fn ended_state(&self, id: TaskId) -> Option<TaskState> {
        let status = self.ended(id).await?;
        Some(TaskState::Terminal(match status.state.as_known()? {
            control::TaskState::Succeeded => Terminal::Succeeded,
            control::TaskState::Cancelled => Terminal::Cancelled,
            control::TaskState::Lost => Terminal::Lost,
            _ => Terminal::Failed(vyr_model::Failure::Internal(status.message)),
        }))
    }

    /// Lists the tasks that have not ended and pass the filter, the oldest first.
    pub(crate) fn unfinished(&self, filter: &Filter) -> Vec<control::TaskStatus> {
        let mut tasks = self.table.all();
        tasks.sort_unstable_by_key(|task| task.id);
        let statuses = tasks.iter().filter_map(|task| {
            let phase = task.phase.lock();
            let status = status(task, &phase, &Outputs::default());
            filter.matches(&self.key(task, &status)).then_some(status)
        });
        statuses.collect()
    }

    /// Begins to listen.
    pub(crate) fn subscribe(&self, filter: &Filter) -> Result<Subscription, Refusal> {
        self.hub.subscribe(filter.clone()).map_err(|full| {
            let mend = "close streams that nobody reads; one stream can follow many tasks";
            let code = connectrpc::ErrorCode::ResourceExhausted;
            Refusal::new(code, "TOO_MANY_STREAMS", "streams", full.to_string(), mend)
        })
    }
}
