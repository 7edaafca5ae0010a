use vyr_proto::control::{StreamTracesRequest, TaskState, TaskStatus, TraceFilter};

use crate::{Client, SdkError};

/// Tells whether a task in `state` has ended.
pub const fn is_terminal(state: TaskState) -> bool {
    matches!(state, TaskState::Succeeded | TaskState::Failed | TaskState::Cancelled | TaskState::Lost)
}

impl Client {
    /// Waits until a task has ended and returns its status.
    ///
    /// # Errors
    /// No such task; the node's refusal; a broken connection.
    pub async fn wait(&self, task_id: &str) -> Result<TaskStatus, SdkError> {
        let filter = TraceFilter { task_ids: vec![task_id.to_owned()], ..Default::default() };
        let request =
            StreamTracesRequest { filter: filter.into(), follow: true, no_spans: true, ..Default::default() };
        let mut stream = self.stream_traces(request).await?;
        while let Some(message) = stream.next().await? {
            let ended = message.tasks.into_iter().find(|task| task.state.as_known().is_some_and(is_terminal));
            if let Some(task) = ended {
                return Ok(task);
            }
        }
        let why = format!("the stream ended before task `{task_id}` did");
        Err(SdkError::Gone { endpoint: self.endpoint.to_string(), source: why.into() })
    }
}
