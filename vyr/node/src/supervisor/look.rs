//! What the streams read: tasks that have not ended, and those that have.

use std::collections::HashSet;

use vyr_model::{Outputs, TaskId, TaskState, Terminal};
use vyr_proto::control;
use vyr_telemetry::{Filter, Subscription};

use super::Supervisor;
use crate::{Refusal, rpc::traces::damaged, tasks::status};

impl Supervisor {
    /// Returns how a task ended; `None` where it has not, or is not known. What cannot be read is not unknown.
    pub(crate) async fn ended(&self, id: TaskId) -> Result<Option<control::TaskStatus>, Refusal> {
        let ended = self.record.ended(id).await.map_err(|error| {
            tracing::error!(task.id = %id, %error, "failed to read a task from the record");
            damaged(&error)
        })?;
        Ok(ended.and_then(|ended| ended.status.into_option()))
    }

    /// Tells whether the node has, or had, this task.
    pub(crate) async fn knows(&self, id: TaskId) -> Result<bool, Refusal> {
        Ok(self.table.get(id).is_some() || self.ended(id).await?.is_some())
    }

    /// Returns where a task that ended stands.
    pub(super) async fn ended_state(&self, id: TaskId) -> Result<Option<TaskState>, Refusal> {
        let Some(status) = self.ended(id).await? else { return Ok(None) };
        let terminal = status.state.as_known().map(|state| match state {
            control::TaskState::Succeeded => Terminal::Succeeded,
            control::TaskState::Cancelled => Terminal::Cancelled,
            control::TaskState::Lost => Terminal::Lost,
            _ => Terminal::Failed(vyr_model::Failure::Internal(status.message)),
        });
        Ok(terminal.map(TaskState::Terminal))
    }

    /// Lists the tasks that have not ended and pass the filter, the oldest first.
    pub(crate) fn unfinished(&self, filter: &Filter) -> Vec<control::TaskStatus> {
        let mut tasks = self.table.all();
        tasks.sort_unstable_by_key(|task| task.id);
        let statuses = tasks.iter().filter_map(|task| {
            let phase = task.phase.lock();
            let mut status = status(task, &phase, &Outputs::default());
            if phase.state.is_terminal() {
                // its end is not in the record yet: nobody may hear of it before
                status = control::TaskStatus {
                    state: control::TaskState::Running.into(),
                    failure: control::FailureKind::Unspecified.into(),
                    limit: control::LimitKind::Unspecified.into(),
                    exit_code: 0,
                    message: String::new(),
                    end_time: None.into(),
                    ..status
                };
            }
            filter.matches(&self.key(task, &status)).then_some(status)
        });
        statuses.collect()
    }

    /// Names the tasks that have not ended and that the filter lets through, whatever their state.
    pub(crate) fn standing(&self, filter: &Filter) -> HashSet<TaskId> {
        let of_any_state = Filter { states: Default::default(), ..filter.clone() };
        self.unfinished(&of_any_state).into_iter().filter_map(|status| status.task_id.parse().ok()).collect()
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
