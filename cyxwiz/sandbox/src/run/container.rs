//! A container that exists, by the calls of the engine that a run needs.

use bollard::{
    container::AttachContainerResults,
    models::{ContainerCreateBody, ContainerState},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, KillContainerOptionsBuilder,
        StatsOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures::StreamExt as _;

use crate::{Engine, SandboxError, Usage, error::chain};

/// Times that a removal is tried.
const TRIES: usize = 3;

pub(super) struct Container {
    engine: Engine,
    pub(super) id: String,
}

impl Container {
    pub(super) async fn create(
        engine: &Engine,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<Self, bollard::errors::Error> {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let created = engine.docker().create_container(Some(options), body).await?;
        for warning in created.warnings {
            tracing::warn!(container.name = name, "the container engine warns: {warning}");
        }
        Ok(Self { engine: engine.clone(), id: created.id })
    }

    pub(super) async fn attach(&self, stdin: bool) -> Result<AttachContainerResults, SandboxError> {
        let options =
            AttachContainerOptionsBuilder::new().stream(true).stdin(stdin).stdout(true).stderr(true);
        let attached = self.engine.waits().attach_container(&self.id, Some(options.build())).await;
        attached.map_err(SandboxError::call("attach to the container"))
    }

    pub(super) async fn start(&self) -> Result<(), bollard::errors::Error> {
        self.engine.docker().start_container(&self.id, None).await
    }

    /// Waits until it does not run any more.
    pub(super) async fn ended(&self) -> Result<(), SandboxError> {
        let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let mut waits = self.engine.waits().wait_container(&self.id, Some(options));
        match waits.next().await {
            Some(Ok(_)) | Some(Err(bollard::errors::Error::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(error)) => Err(SandboxError::call("wait for the container")(error)),
            None => Err(SandboxError::Lacking("answer to a wait: did it stop?")),
        }
    }

    pub(super) async fn state(&self) -> Result<ContainerState, SandboxError> {
        let inspected = self.engine.docker().inspect_container(&self.id, None).await;
        let inspected = inspected.map_err(SandboxError::call("inspect the container"))?;
        Ok(inspected.state.unwrap_or_default())
    }

    /// Sends a signal; one that has ended gets none.
    pub(super) async fn signal(&self, signal: &str) {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        if let Err(error) = self.engine.docker().kill_container(&self.id, Some(options)).await {
            tracing::debug!(container.id = %self.id, "no {signal} for the container: {}", chain(&error));
        }
    }

    /// Asks the engine what it uses; `None` when it has ended.
    pub(super) async fn usage(&self) -> Option<Usage> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let stats = self.engine.docker().stats(&self.id, Some(options)).next().await?.ok()?;
        // an ended one has counters of zero
        stats
            .cpu_stats
            .as_ref()
            .and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage)
            .filter(|used| *used > 0)?;
        Some(Usage::from(&stats))
    }

    pub(super) async fn remove(&self) -> Result<(), SandboxError> {
        let mut tries = 1;
        while let Err(error) = self.engine.remove(&self.id).await {
            if tries == TRIES {
                return Err(error);
            }
            tries += 1;
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        Ok(())
    }
}
