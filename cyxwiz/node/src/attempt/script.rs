use std::time::Duration;

use cyxwiz_model::rerun::environment;
use cyxwiz_model::{Reason, Script};
use cyxwiz_sandbox::{ContainerJob, Gpu, ImageRef, Network};
use vyr_sdk::control::{FailureKind, TaskState, TaskStatus};

use super::execute::Submit;
use super::prepare::Program;
use super::run::Run;
use crate::containers::{Containers, chain};
use crate::ending::Ended;
use crate::files::give;
use crate::packages::PackageIndex;
use crate::trace::{self, IMAGE, PREPARE};

/// The requirements of a job, in its folder.
pub(super) const REQUIREMENTS: &str = "requirements.txt";
/// Time to install them.
const INSTALL_TIME: Duration = Duration::from_secs(600);
/// Memory to install them with, at least.
const INSTALL_MEMORY_MIB: u64 = 512;
/// What a script that is asked to end has at most; an order may say less.
const GRACE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;
/// Processes and threads: so many, and more on more processors.
const PIDS: u32 = 512;
const PIDS_OF_ONE: u32 = 256;

impl Run {
    /// Makes sure of the image, and installs requirements in a container of it.
    pub(super) async fn prepare_script(&self, script: &Script) -> Result<Program, Ended> {
        let Some(containers) = &self.tools.containers else {
            return Err(Ended::node("this node runs no containers"));
        };
        if !self.dir.job().join(script.entry.as_str()).is_file() {
            let message = format!("there is no `{}` among the job's files", script.entry);
            return Err(Ended::new(Reason::Requirements, message));
        }
        self.phase("image");
        let phase = self.trace.begin_in(PREPARE, IMAGE);
        let image = phase.of(self.unless_stopped(self.image(containers)).await)?;
        let failed = |error: std::io::Error| Ended::node(format!("the node's disk fails: {error}"));
        give(&self.dir.job(), false).map_err(failed)?;
        for folder in [self.dir.output(), self.dir.checkpoints(), self.dir.metrics(), self.dir.site()] {
            give(&folder, true).map_err(failed)?;
        }
        let network = self.network(containers);
        let installs = script.install_requirements && self.dir.job().join(REQUIREMENTS).is_file();
        if installs {
            self.phase("requirements");
            let phase = self.trace.begin_in(PREPARE, trace::REQUIREMENTS);
            phase.of(self.install(containers, &image, network).await)?;
        }
        let mut program = self.program(script, image, network).await?;
        if installs {
            // what the buyer set himself comes after it
            let path = program
                .env
                .get("PYTHONPATH")
                .map_or_else(|| "/site".to_owned(), |own| format!("/site:{own}"));
            program.env.insert("PYTHONPATH".to_owned(), path);
            program.site = Some(self.dir.site());
        }
        Ok(program)
    }

    async fn image(&self, containers: &Containers) -> Result<ImageRef, Ended> {
        let name = &self.handle.job.image;
        let fetching = || self.spool.system(&format!("fetching the image {name}"));
        let image = containers.image(name, fetching).await;
        image.map_err(|error| Ended::node(format!("the image cannot be had: {}", chain(&error))))
    }

    fn network(&self, containers: &Containers) -> Network {
        match containers.outbound() {
            Ok(()) => Network::Outbound,
            Err(why) => {
                self.spool.system(&format!("this node offers no network: {why}"));
                Network::None
            }
        }
    }

    /// A container with the limits of the job.
    fn container(&self, image: &ImageRef, command: Vec<String>, network: Network) -> ContainerJob {
        let wanted = &self.handle.job.spec.requirements;
        let mut job = ContainerJob::new(image.clone(), command);
        job.cpu_milli = wanted.cpu_milli.max(10);
        job.pids = PIDS.saturating_add(PIDS_OF_ONE.saturating_mul(wanted.cpu_milli / 1000)).min(65_536);
        job.shm_bytes = (wanted.memory_mib.saturating_mul(MIB) / 2).max(MIB);
        job.disk_bytes = self.disk_bytes();
        job.network = network;
        job.grace_ms = u32::try_from(GRACE.as_millis()).ok();
        job
    }

    async fn program(&self, script: &Script, image: ImageRef, network: Network) -> Result<Program, Ended> {
        let entry = format!("/job/{}", script.entry);
        let command = ["env", "-C", "/job", "python3", "-u", &entry].map(str::to_owned).to_vec();
        let mut container = self.container(&image, command, network);
        if let Some(uuid) = &self.handle.job.gpu_uuid {
            container.gpu = Gpu::Device(uuid.clone());
        }
        let artifact = self.put(&container, "script").await?;
        let env = environment(&self.handle.job.spec.env);
        Ok(Program { artifact, args: script.args.clone(), env, determinism: None, site: None })
    }

    async fn put(&self, container: &ContainerJob, name: &str) -> Result<vyr_model::Digest, Ended> {
        let (built, layer) = container
            .artifact(name, "0.0.0")
            .map_err(|error| Ended::node(format!("the container job is none: {error}")))?;
        let put = self.tools.fabric.put(built, layer).await;
        put.map_err(|error| Ended::node(format!("VYR does not take the container job: {}", chain(&error))))
    }

    /// Installs requirements as a task of its own: held as the job is, with the network, into a folder of the job.
    async fn install(
        &self,
        containers: &Containers,
        image: &ImageRef,
        network: Network,
    ) -> Result<(), Ended> {
        self.spool.system("installing requirements.txt");
        let words = "env -C /job python3 -m pip install --no-input --no-cache-dir --disable-pip-version-check \
             --no-warn-script-location --progress-bar off --target /site -r requirements.txt";
        let command = words.split_whitespace().map(str::to_owned).collect();
        let mut container = self.container(image, command, network);
        container.grace_ms = Some(0);
        let artifact = self.put(&container, "requirements").await?;
        let mut env = PackageIndex::environment(self.tools.package_index.as_ref());
        // pip unpacks and builds where it also installs: that counts as disk, not as memory
        env.push(("TMPDIR".to_owned(), "/site/.tmp".to_owned()));
        env.push(("PIP_ROOT_USER_ACTION".to_owned(), "ignore".to_owned()));
        let submit = Submit {
            artifact,
            args: Vec::new(),
            env,
            dirs: vec![(self.dir.job(), "/job", true), (self.dir.site(), "/site", false)],
            memory_mib: self.handle.job.spec.requirements.memory_mib.max(INSTALL_MEMORY_MIB),
            wall: INSTALL_TIME,
            determinism: None,
            idempotency_key: String::new(),
        };
        let temp = self.dir.site().join(".tmp");
        let made = std::fs::create_dir_all(&temp).and_then(|()| give(&temp, true));
        made.map_err(|error| Ended::node(format!("the node's disk fails: {error}")))?;
        let status = self.install_task(submit).await;
        let status = status?;
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(temp)).await;
        if let Ok(Err(error)) = removed {
            tracing::debug!(%error, "what pip left was not removed");
        }
        of_install(&status, network, containers.outbound().err())
    }

    async fn install_task(&self, submit: Submit) -> Result<TaskStatus, Ended> {
        let broken = |error: vyr_sdk::SdkError| {
            Ended::node(format!("requirements were not installed: {}", chain(&error)))
        };
        let task = self
            .tools
            .fabric
            .submit(self.request(submit), &self.trace.traceparent(trace::REQUIREMENTS))
            .await
            .map_err(broken)?;
        *self.task.lock() = Some(task.clone());
        let system = cyxwiz_proto::v1::LogStream::System;
        let followed = async {
            let (status, (), ()) = tokio::join!(
                self.tools.fabric.wait(&task),
                self.follow_output(&task, "stdout", system),
                self.follow_output(&task, "stderr", system),
            );
            status
        };
        let status = tokio::select! {
            status = followed => Ok(status.map_err(broken)?),
            cause = self.handle.stopped() => {
                self.end_task().await;
                Err(self.by(cause))
            }
        };
        *self.task.lock() = None;
        if let Some(containers) = &self.tools.containers {
            containers.forget(&task);
        }
        status
    }
}

/// What an installation came to. Whatever pip says is the buyer's to mend; what VYR says is not.
fn of_install(status: &TaskStatus, network: Network, why: Option<String>) -> Result<(), Ended> {
    if status.state.as_known() == Some(TaskState::Succeeded) {
        return Ok(());
    }
    let said = match status.failure.as_known() {
        Some(FailureKind::Exit) => {
            format!("pip ended with code {}: its last lines say why", status.exit_code)
        }
        Some(FailureKind::Limit) => {
            format!("pip took more than it may ({} s, the job's memory and disk)", INSTALL_TIME.as_secs())
        }
        Some(FailureKind::Trap) => "pip was killed".to_owned(),
        _ => return Err(Ended::node(format!("requirements were not installed: {}", status.message))),
    };
    let offline = match (network, why) {
        (Network::None, Some(why)) => format!(" (this node offers no network: {why})"),
        _ => String::new(),
    };
    Err(Ended::new(Reason::Requirements, format!("requirements.txt was not installed: {said}{offline}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_failures_are_the_buyers() {
        let status = |state: TaskState, failure: FailureKind| TaskStatus {
            state: state.into(),
            failure: failure.into(),
            exit_code: 1,
            ..Default::default()
        };
        let end = |state, failure| {
            of_install(&status(state, failure), Network::Outbound, None).map_err(|ended| ended.reason)
        };
        assert_eq!(end(TaskState::Succeeded, FailureKind::Unspecified), Ok(()));
        for failure in [FailureKind::Exit, FailureKind::Limit, FailureKind::Trap] {
            assert_eq!(end(TaskState::Failed, failure), Err(Reason::Requirements));
        }
        for failure in [FailureKind::Internal, FailureKind::Link, FailureKind::Grant] {
            assert_eq!(end(TaskState::Failed, failure), Err(Reason::NodeError));
        }
        assert_eq!(end(TaskState::Lost, FailureKind::Unspecified), Err(Reason::NodeError));
    }
}
