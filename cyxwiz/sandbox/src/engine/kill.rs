use std::collections::HashMap;

use bollard::query_parameters::{KillContainerOptionsBuilder, ListContainersOptionsBuilder};
use vyr_model::TaskId;

use super::{Engine, is_missing, status, sweep::TASK};
use crate::SandboxError;

/// The engine's answer where a container does not run.
const CONFLICT: u16 = 409;

impl Engine {
    /// Kills a task's container at once, where its grace is to be shorter than the job's own. One that is gone is no
    /// error.
    ///
    /// # Errors
    /// The engine cannot be asked, or does not do it.
    pub async fn kill(&self, task: TaskId) -> Result<(), SandboxError> {
        let filters = HashMap::from([("label", vec![format!("{TASK}={task}")])]);
        let of_task = ListContainersOptionsBuilder::new().filters(&filters).build();
        let found = self.docker().list_containers(Some(of_task)).await;
        for container in found.map_err(SandboxError::call("look for the task's container"))? {
            let Some(id) = container.id else { continue };
            let now = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
            match self.docker().kill_container(&id, Some(now)).await {
                Err(error) if !is_missing(&error) && status(&error) != Some(CONFLICT) => {
                    return Err(SandboxError::call("kill the task's container")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
