use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use vyr_sdk::{
    Client, SdkError,
    control::{CancelTaskRequest, TaskState},
};

use super::{
    plan::{Load, Plan, Reach},
    told::Log,
};

/// One who submits until the node dies, and notes what it is told.
pub(super) struct Caller {
    pub(super) client: Client,
    pub(super) load: Arc<Load>,
    pub(super) log: Arc<Log>,
    pub(super) stop: Arc<AtomicBool>,
    /// Of whom the names of its tasks tell.
    pub(super) name: String,
    /// Whether it waits for each end before it submits again: so runners are free, and tasks run ahead.
    pub(super) waits: bool,
}

impl Caller {
    pub(super) async fn run(self) {
        for n in 0_u64.. {
            let plan = self.load.plan(&format!("{}-{n}", self.name));
            match self.client.submit_task(self.load.submit(&plan).request()).await {
                Ok(answer) => {
                    self.log.acknowledged(&answer.task_id, &plan.name);
                    self.follow(&answer.task_id, &plan).await;
                }
                Err(error @ SdkError::Refused { .. }) => panic!("{plan:?}: {error}"),
                // the kill may be seen here before it is told there
                Err(_) => tokio::task::yield_now().await,
            }
            if self.stop.load(SeqCst) {
                return;
            }
        }
    }

    async fn follow(&self, task: &str, plan: &Plan) {
        if plan.cancel {
            let request = CancelTaskRequest { task_id: task.to_owned(), ..Default::default() };
            let Ok(answer) = self.client.cancel_task(request).await else { return };
            assert_eq!(answer.state.as_known(), Some(TaskState::Cancelled), "{plan:?}");
            self.log.cancelled(task);
        } else if plan.reach == Reach::Held || !self.waits {
            return;
        }
        if let Ok(status) = self.client.wait(task).await {
            self.log.ended(&status);
        }
    }
}
