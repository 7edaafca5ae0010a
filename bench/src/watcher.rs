use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use vyr_model::Digest;
use vyr_sdk::{
    Client, TraceStream,
    control::{
        Durability, Resources, StreamTracesRequest, SubmitTaskRequest, TaskState, TaskStatus, TraceFilter,
    },
};

/// States in which a task has ended.
const TERMINAL: [TaskState; 4] =
    [TaskState::Succeeded, TaskState::Failed, TaskState::Cancelled, TaskState::Lost];

/// An open stream of tasks' ends.
pub(crate) struct Watcher {
    client: Client,
    stream: TraceStream,
}

/// Makes a submit of an artifact.
pub(crate) fn submit(artifact: Digest, durability: Durability) -> SubmitTaskRequest {
    let resources = Resources { durability: durability.into(), ..Default::default() };
    SubmitTaskRequest {
        artifact_digest: artifact.to_string(),
        resources: resources.into(),
        ..Default::default()
    }
}

fn follow(states: impl IntoIterator<Item = TaskState>) -> StreamTracesRequest {
    let states = states.into_iter().map(Into::into).collect();
    let filter = TraceFilter { states, ..Default::default() };
    StreamTracesRequest {
        filter: filter.into(),
        follow: true,
        no_history: true,
        no_spans: true,
        ..Default::default()
    }
}

impl Watcher {
    /// Opens the stream; what ends from now on is seen.
    pub(crate) async fn open(client: &Client) -> Result<Self> {
        let stream = client.stream_traces(follow(TERMINAL)).await?;
        Ok(Self { client: client.clone(), stream })
    }

    /// Likewise, and sees tasks that begin to run.
    pub(crate) async fn open_with_running(client: &Client) -> Result<Self> {
        let states = TERMINAL.into_iter().chain([TaskState::Running]);
        let stream = client.stream_traces(follow(states)).await?;
        Ok(Self { client: client.clone(), stream })
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the next tasks, and how many the node left out.
    pub(crate) async fn next(&mut self) -> Result<(Vec<TaskStatus>, u64)> {
        let message = self.stream.next().await?.context("the stream of traces ended")?;
        Ok((message.tasks, message.dropped))
    }

    /// Measures one task from before its submit until its end is seen; nothing else may run.
    pub(crate) async fn time(&mut self, request: SubmitTaskRequest) -> Result<Duration> {
        let client = self.client.clone();
        let begun = Instant::now();
        let seen = async {
            let (tasks, _) = self.next().await?;
            anyhow::Ok((begun.elapsed(), tasks))
        };
        let (answer, seen) = tokio::join!(client.submit_task(request), seen);
        let ((time, tasks), answer) = (seen?, answer?);
        let [task] = tasks.as_slice() else { bail!("{} tasks ended where one was to", tasks.len()) };
        if task.task_id != answer.task_id || task.state.as_known() != Some(TaskState::Succeeded) {
            bail!("task {} ended {:?}: {}", task.task_id, task.state, task.message);
        }
        Ok(time)
    }

    /// Waits until a task is in `state`; when it was seen to be.
    pub(crate) async fn until(&mut self, task_id: &str, state: TaskState) -> Result<Instant> {
        loop {
            let (tasks, _) = self.next().await?;
            let now = Instant::now();
            for task in tasks.iter().filter(|task| task.task_id == task_id) {
                match task.state.as_known() {
                    Some(reached) if reached == state => return Ok(now),
                    Some(other) if TERMINAL.contains(&other) => {
                        bail!("task {task_id} ended {other:?}: {}", task.message)
                    }
                    _ => {}
                }
            }
        }
    }
}
