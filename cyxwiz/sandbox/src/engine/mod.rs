//! The connection to a Docker or Podman on this machine.

mod find;
mod kill;
mod podman;
mod process;
mod pull;
pub(crate) mod sweep;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bollard::{API_DEFAULT_VERSION, Docker, models::SystemInfo};

pub use self::sweep::Swept;
use crate::{ImageRef, SandboxError};

/// Time for one call; creating a container of a large image on a busy disk takes seconds.
const CALL_TIME: Duration = Duration::from_secs(60);
/// Longer than any job: a wait is a call that ends with the job.
const WAIT_TIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// The runtime of gVisor, by its usual name.
const GVISOR: &str = "runsc";

/// A container engine that answers. Clones are the same connection.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    docker: Docker,
    waits: Docker,
    socket: PathBuf,
    info: SystemInfo,
    /// Its process on this machine; unknown where it is in a virtual machine of its own.
    process: Option<u32>,
    init: bool,
    gvisor: bool,
}

impl Engine {
    /// Connects to the engine at `socket`, or where `DOCKER_HOST` says or Docker and Podman usually listen.
    ///
    /// # Errors
    /// None answers, or the one that does cannot limit what a job uses.
    pub async fn connect(socket: Option<&Path>) -> Result<Self, SandboxError> {
        let candidates = socket.map_or_else(find::candidates, |socket| vec![socket.to_owned()]);
        let mut refusal = None;
        for candidate in candidates.iter().filter(|candidate| candidate.exists()) {
            match Self::open(candidate).await {
                Ok(engine) => return Ok(engine),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        let tried =
            || candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        Err(refusal.unwrap_or_else(|| SandboxError::NoEngine { tried: tried() }))
    }

    async fn open(socket: &Path) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Connect { socket: socket.to_owned(), source };
        let path = socket.to_string_lossy();
        let docker =
            Docker::connect_with_unix(&path, CALL_TIME.as_secs(), API_DEFAULT_VERSION).map_err(failed)?;
        let docker = docker.negotiate_version().await.map_err(failed)?;
        let info = docker.info().await.map_err(failed)?;
        if let Some(lacking) = lacking(&info) {
            return Err(SandboxError::Lacking(lacking));
        }
        let is_podman = podman::is_podman(&docker.version().await.map_err(failed)?);
        let process = process::of(socket).await;
        // what an engine in a virtual machine has cannot be looked at
        let exists = |path: &Path| process.is_none() || path.exists();
        let init = podman::init(&info, is_podman, exists).map_err(SandboxError::Lacking)?;
        let gvisor = podman::has_gvisor(&info, is_podman, Path::exists);
        let waits = docker.clone().with_timeout(WAIT_TIME);
        let socket = socket.to_owned();
        Ok(Self(Arc::new(Inner { docker, waits, socket, info, process, init, gvisor })))
    }

    /// Returns the socket.
    pub fn socket(&self) -> &Path {
        &self.0.socket
    }

    /// Returns the engine's own version.
    pub fn version(&self) -> &str {
        self.0.info.server_version.as_deref().unwrap_or("unknown")
    }

    /// Tells whether jobs run under gVisor, a kernel of their own.
    pub fn has_gvisor(&self) -> bool {
        self.0.gvisor
    }

    /// Finds an image by a tag or id, and returns it by its content; `None` where the engine has it not.
    ///
    /// # Errors
    /// The engine fails.
    pub async fn image(&self, name: &str) -> Result<Option<ImageRef>, SandboxError> {
        match self.0.docker.inspect_image(name).await {
            Ok(image) => Ok(image.id.and_then(|id| id.parse().ok())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(SandboxError::call("look for the image")(error)),
        }
    }

    pub(crate) fn docker(&self) -> &Docker {
        &self.0.docker
    }

    /// The same connection for calls that take as long as a job.
    pub(crate) fn waits(&self) -> &Docker {
        &self.0.waits
    }

    pub(crate) fn process(&self) -> Option<u32> {
        self.0.process
    }

    /// The most files that a container may have open: one may not get more than its engine has.
    pub(crate) fn open_files(&self) -> Option<u64> {
        process::limit(self.0.process?, "Max open files")
    }

    /// The most processes that a user may have. Podman asks for more than its own unless it is told.
    pub(crate) fn processes(&self) -> Option<u64> {
        process::limit(self.0.process?, "Max processes")
    }

    /// The runtime for a job without a GPU, where it is not the engine's default.
    pub(crate) fn runtime(&self) -> Option<String> {
        self.has_gvisor().then(|| GVISOR.to_owned())
    }

    /// Whether it can put a process before the job's that reaps orphans and takes signals.
    pub(crate) fn has_init(&self) -> bool {
        self.0.init
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("socket", &self.0.socket).field("version", &self.version()).finish()
    }
}

/// What an engine must be able to limit, and this one cannot.
fn lacking(info: &SystemInfo) -> Option<&'static str> {
    // an engine that does not say is one that has it always
    let cannot = |told: Option<bool>| told == Some(false);
    [
        (cannot(info.memory_limit), "limit for memory"),
        (cannot(info.swap_limit), "limit for swap: start the kernel with `swapaccount=1`"),
        (cannot(info.pids_limit), "limit for processes"),
        (cannot(info.cpu_cfs_quota), "limit for processor time"),
    ]
    .into_iter()
    .find_map(|(cannot, what)| cannot.then_some(what))
}

pub(crate) fn is_missing(error: &bollard::errors::Error) -> bool {
    status(error) == Some(404)
}

/// The engine's status code, where it answered with one.
pub(crate) fn status(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_without_limits_holds_no_job() {
        let able = SystemInfo { memory_limit: Some(true), pids_limit: Some(true), ..SystemInfo::default() };
        assert_eq!(lacking(&able), None);
        let unable = SystemInfo { pids_limit: Some(false), ..able };
        assert_eq!(lacking(&unable), Some("limit for processes"));
    }
}
