use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::oneshot;
use vyr_model::{Failure, Terminal};

use super::{
    ImageSource, OciError, OciOptions, Rootfs,
    cgroup::Hierarchy,
    command::Commands,
    detect,
    rootfs::{Images, private_folder},
    supervise,
};
use crate::{RunOutcome, RunRequest};

/// Runs containers on this host. Clones are the same runtime.
#[derive(Debug, Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: Arc<OciOptions>,
    pub(crate) cgroups: Hierarchy,
    pub(crate) commands: Commands,
    pub(crate) images: Arc<Images>,
    pub(crate) bundles: PathBuf,
}

impl Runtime {
    /// Finds the host's OCI runtime; `None` where there is none, which is a normal answer.
    ///
    /// # Errors
    /// [`OciError::Runtime`] when the only runtime found is unusable here, [`OciError::Io`] when the work
    /// folder cannot be made.
    pub fn detect(options: OciOptions) -> Result<Option<Self>, OciError> {
        let cgroups = Hierarchy::discover().map_err(OciError::io("read this process's cgroups"))?;
        let Some(program) = detect::find(options.runtime.as_deref(), &cgroups)? else { return Ok(None) };
        private_folder(&options.work_dir)?;
        // Absolute, since the runtime reads these paths too.
        let work_dir = options
            .work_dir
            .canonicalize()
            .map_err(OciError::io(format!("open `{}`", options.work_dir.display())))?;
        let (bundles, state) = (work_dir.join("bundles"), work_dir.join("state"));
        private_folder(&bundles)?;
        private_folder(&state)?;
        let images = Arc::new(Images::open(&work_dir)?);
        let commands = Commands { program, state };
        let options = Arc::new(options);
        Ok(Some(Self { inner: Arc::new(Inner { options, cgroups, commands, images, bundles }) }))
    }

    /// Returns the first line that the OCI runtime says of its version.
    pub fn version(&self) -> &str {
        &self.inner.commands.program.version
    }

    /// Removes what a former node left in the work folder: containers, their cgroups and half unpacked
    /// images. Call it once, before the first run. Returns how many containers there were.
    ///
    /// # Errors
    /// When something could not be removed; the text names it.
    pub async fn sweep(&self) -> Result<usize, OciError> {
        self.inner.sweep().await
    }

    /// Verifies and unpacks an image, unless that was done before.
    ///
    /// # Errors
    /// When the image is not what its digests say, holds what is refused, or does not fit this host or its
    /// limits. Nothing of a refused image stays.
    pub async fn prepare(&self, image: ImageSource) -> Result<Arc<Rootfs>, OciError> {
        Arc::clone(&self.inner.images).prepare(image, Arc::clone(&self.inner.options)).await
    }

    /// Runs an image's program to its end. Dropping the future cancels it; what it made is removed either way.
    pub async fn run(&self, rootfs: Arc<Rootfs>, request: RunRequest) -> RunOutcome {
        let prepared = SystemTime::now();
        let (kept, abandoned) = oneshot::channel();
        // A task of its own, so that the container is removed even when nobody waits for it any more.
        let task = tokio::spawn(supervise::execute(Arc::clone(&self.inner), rootfs, request, abandoned));
        let outcome = task.await;
        drop(kept);
        outcome.unwrap_or_else(|error| RunOutcome {
            terminal: Terminal::Failed(Failure::Internal(format!(
                "the container's watch ended early: {error}"
            ))),
            prepared,
            started: None,
            ended: SystemTime::now(),
            cpu: Duration::ZERO,
        })
    }
}
