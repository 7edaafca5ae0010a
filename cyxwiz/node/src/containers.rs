//! Scripts in containers: the engine, the executor that VYR gets, and what both need to know.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use cyxwiz_sandbox::chain;
use cyxwiz_sandbox::{
    ContainerExecutor, ContainerOptions, Engine, ImageRef, NodeLabel, SandboxError, Usage, Volumes,
};
use parking_lot::Mutex;
use vyr_model::TaskId;

use crate::config::Config;

/// Files and folders that a job's folders may hold.
const MAX_FILES: u64 = 100_000;
/// Characters of the identity in the containers' label.
const LABEL: usize = 16;

/// The container engine of this machine.
#[derive(Clone)]
pub(crate) struct Containers {
    executor: ContainerExecutor,
    label: NodeLabel,
    usage: Arc<Mutex<HashMap<TaskId, Usage>>>,
}

/// Why an image is not here.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("`{0}` is no image by its content")]
    Name(String),
    #[error("the image {0} is not on this node, and its name says no registry to fetch it from")]
    Absent(String),
    #[error(transparent)]
    Engine(#[from] SandboxError),
}

/// Where the engine's socket is, by flag, environment or file.
pub(crate) fn socket(config: &Config) -> Option<PathBuf> {
    std::env::var_os("CYXWIZ_DOCKER").map(PathBuf::from).or_else(|| config.container_socket.clone())
}

/// What bounds folders that jobs write, seen by the engine where there is one.
pub(crate) fn volumes(containers: Option<&Containers>) -> Volumes {
    Volumes::of(containers.map(|containers| containers.executor.engine()))
}

/// The same for a command beside an agent that does not run.
pub(crate) async fn volumes_of(config: Option<&Config>) -> Volumes {
    let engine = match config.filter(|config| config.containers) {
        Some(config) => Engine::connect(socket(config).as_deref()).await.ok(),
        None => None,
    };
    Volumes::of(engine.as_ref())
}

impl Containers {
    /// Connects, and removes what an earlier run of this very node left. Without an engine the node takes Wasm alone,
    /// which is a normal answer.
    pub(crate) async fn start(config: &Config, identity: &str) -> Option<Self> {
        if !config.containers {
            return None;
        }
        match Self::connect(config, identity).await {
            Ok(containers) => Some(containers),
            Err(error) => {
                tracing::warn!(error = chain(&error), "no scripts in containers: Wasm programs alone");
                None
            }
        }
    }

    /// What `enrol` would tell, without touching anything: an agent may run.
    pub(crate) async fn look(config: &Config) -> (String, Vec<String>) {
        if !config.containers {
            return Default::default();
        }
        let engine = Engine::connect(socket(config).as_deref()).await;
        engine.map(|engine| described(&engine)).unwrap_or_default()
    }

    async fn connect(config: &Config, identity: &str) -> Result<Self, SandboxError> {
        let engine = Engine::connect(socket(config).as_deref()).await?;
        let label: NodeLabel = identity.chars().take(LABEL).collect::<String>().parse()?;
        engine.sweep(&label).await?;
        let usage: Arc<Mutex<HashMap<TaskId, Usage>>> = Arc::default();
        let mut options = ContainerOptions::new(label.clone());
        options.max_files = MAX_FILES;
        let seen = Arc::clone(&usage);
        options.on_usage = Some(Arc::new(move |task, sample| {
            if let Some(task) = task {
                seen.lock().insert(task, sample);
            }
        }));
        let executor = ContainerExecutor::new(engine, options).await?;
        Ok(Self { executor, label, usage })
    }

    /// What `enrol` tells of it: the engine with its version, and runtimes beyond the default.
    pub(crate) fn describe(&self) -> (String, Vec<String>) {
        described(self.executor.engine())
    }

    /// The executor, for VYR.
    pub(crate) fn executor(&self) -> ContainerExecutor {
        self.executor.clone()
    }

    /// Whether jobs may reach the Internet here, or why not.
    pub(crate) fn outbound(&self) -> Result<(), String> {
        self.executor.outbound().map_err(str::to_owned)
    }

    /// Makes sure of an image.
    pub(crate) async fn image(&self, name: &str, fetching: impl FnOnce()) -> Result<ImageRef, ImageError> {
        let wanted: ImageRef =
            name.parse().map_err(|_| ImageError::Name(name.chars().take(120).collect()))?;
        let engine = self.executor.engine();
        if let Some(image) = engine.image(wanted.as_str()).await? {
            return Ok(image);
        }
        if !wanted.as_str().contains('@') {
            return Err(ImageError::Absent(wanted.to_string()));
        }
        fetching();
        engine.pull(&wanted).await?;
        engine.image(wanted.as_str()).await?.ok_or_else(|| ImageError::Absent(wanted.to_string()))
    }

    /// The last sample of a task.
    pub(crate) fn usage(&self, task: &str) -> Option<Usage> {
        let task = task.parse::<TaskId>().ok()?;
        self.usage.lock().get(&task).copied()
    }

    /// Forgets a task's samples.
    pub(crate) fn forget(&self, task: &str) {
        if let Ok(task) = task.parse::<TaskId>() {
            self.usage.lock().remove(&task);
        }
    }

    /// Kills a task's container at once.
    pub(crate) async fn kill(&self, task: &str) {
        let Ok(task) = task.parse::<TaskId>() else { return };
        if let Err(error) = self.executor.engine().kill(task).await {
            tracing::error!(task.id = %task, error = chain(&error), "a container was not killed");
        }
    }

    /// Removes every container of this node.
    pub(crate) async fn sweep(&self) {
        match self.executor.engine().sweep(&self.label).await {
            Ok(swept) if swept.containers > 0 => {
                tracing::warn!(containers = swept.containers, "removed containers that were still there");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(error = chain(&error), "containers may have stayed behind"),
        }
    }
}

fn described(engine: &Engine) -> (String, Vec<String>) {
    let runtimes = engine.has_gvisor().then(|| "runsc".to_owned());
    (format!("docker {}", engine.version()), runtimes.into_iter().collect())
}
