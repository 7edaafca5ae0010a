use std::collections::HashMap;

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

use super::{Engine, is_missing};
use crate::{NodeLabel, SandboxError};

/// The label that says whose a container is.
pub(crate) const NODE: &str = "org.cyxwiz.node";
/// The label that says which task it runs.
pub(crate) const TASK: &str = "org.cyxwiz.task";

/// What a sweep removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// The tasks of the containers that were there, where their label says.
    pub tasks: Vec<String>,
    /// How many containers were removed.
    pub containers: usize,
}

impl Engine {
    /// Removes every container of a node, running or not. Before the node starts, and after it has stopped.
    ///
    /// # Errors
    /// The engine cannot be asked, or does not remove one.
    pub async fn sweep(&self, node: &NodeLabel) -> Result<Swept, SandboxError> {
        let filters = HashMap::from([("label", vec![format!("{NODE}={}", node.as_str())])]);
        let all = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self.docker().list_containers(Some(all)).await;
        let mut swept = Swept::default();
        for container in found.map_err(SandboxError::call("list the node's containers"))? {
            let Some(id) = container.id else { continue };
            self.remove(&id).await?;
            swept.containers += 1;
            swept.tasks.extend(container.labels.and_then(|mut labels| labels.remove(TASK)));
        }
        if swept.containers > 0 {
            tracing::info!(swept.containers, "removed containers of an earlier run");
        }
        Ok(swept)
    }

    /// Kills and removes a container; one that is gone is no error.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), SandboxError> {
        let force = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.docker().remove_container(id, Some(force)).await {
            Err(error) if !is_missing(&error) => Err(SandboxError::call("remove the container")(error)),
            _ => Ok(()),
        }
    }
}
