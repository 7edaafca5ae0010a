//! How much disk an attempt's folders have.

use cyxwiz_model::Workload;
use cyxwiz_sandbox::VolumeRoom;

use super::guard::MAX_FILES;
use super::run::Run;
use crate::containers::{chain, volumes};
use crate::ending::Ended;
use crate::home::AttemptDir;

const MIB: u64 = 1 << 20;

impl Run {
    /// Bytes that the job's folders may hold together, its inputs aside.
    pub(super) fn disk_bytes(&self) -> u64 {
        let job = &self.handle.job;
        let inputs = job.inputs.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        job.spec.requirements.disk_mib.saturating_mul(MIB).saturating_sub(inputs).max(MIB)
    }

    /// Makes the attempt's folders, none of them bounded yet.
    pub(super) fn create_folders(&self) -> Result<(), Ended> {
        self.dir.create().map_err(failed)
    }

    /// Makes the attempt's folders, or takes them up again. What a script writes gets a file system as large as it may
    /// fill, where this agent can make one; elsewhere the looks at the folders hold it.
    pub(super) async fn make_folders(&self) -> Result<(), Ended> {
        self.create_folders()?;
        if let Workload::Script(script) = &self.handle.job.spec.workload {
            let inputs = &self.handle.job.inputs;
            let installs = script.install_requirements
                && inputs.iter().any(|file| file.path.as_str() == super::script::REQUIREMENTS);
            let site = installs.then(|| self.dir.site());
            let files = u64::try_from(MAX_FILES).unwrap_or(u64::MAX);
            let room = VolumeRoom { bytes: self.disk_bytes(), files };
            let volumes = volumes(self.tools.containers.as_ref());
            for folder in site.into_iter().chain([self.dir.written()]) {
                if let Err(error) = volumes.hold(&folder, room).await {
                    tracing::info!(attempt.id = %self.handle.job.attempt, error = chain(&error), "the disk is only looked at");
                    break;
                }
            }
        }
        self.dir.create_written().map_err(failed)
    }

    /// Removes everything of the attempt from this machine.
    pub(super) async fn remove_folders(&self) {
        let volumes = volumes(self.tools.containers.as_ref());
        if let Err(error) = remove(&volumes, &self.dir).await {
            let path = self.dir.path().display();
            tracing::error!(%path, error, "an attempt's folder was not removed");
        }
    }
}

fn failed(error: std::io::Error) -> Ended {
    Ended::node(format!("the node's disk fails: {error}"))
}

/// Removes an attempt's folder, and first what is mounted there.
pub(crate) async fn remove(volumes: &cyxwiz_sandbox::Volumes, dir: &AttemptDir) -> Result<(), String> {
    for folder in [dir.written(), dir.site()] {
        volumes.release(&folder).await.map_err(|error| chain(&error))?;
    }
    dir.remove().map_err(|error| error.to_string())
}
