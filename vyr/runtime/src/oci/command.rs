use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tokio::process::{Child, Command};

use super::{
    OciError,
    detect::{Flavor, Program},
};

/// The OCI runtime's commands, with its state kept in our own folder.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) program: Program,
    pub(crate) state: PathBuf,
}

impl Commands {
    /// Starts the container in `bundle`; the child lives as long as it, and carries its stdio.
    /// The container itself stays until [`delete`](Self::delete), so that its use can be read.
    pub(crate) fn run(&self, id: &str, bundle: &Bundle, stdin: Stdio) -> Result<Child, OciError> {
        let mut command = self.command();
        if self.program.flavor == Flavor::Runc {
            command.arg("--log").arg(bundle.log()).args(["--log-format", "json"]);
        }
        command.args(["run", "--keep", "--bundle"]).arg(&bundle.path);
        command.arg("--pid-file").arg(bundle.pid_file()).arg(id);
        // Its own group: a Ctrl-C in our terminal is ours to handle.
        command.process_group(0).kill_on_drop(true);
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(OciError::io(format!("start `{}`", self.program.path.display())))
    }

    /// Sends a signal to the container's first process; `false` where there is none yet, or none any more.
    pub(crate) async fn kill(&self, id: &str, signal: &str) -> bool {
        let mut command = self.command();
        command.args(["kill", id, signal]);
        quiet(command).await.is_ok_and(|status| status.success())
    }

    /// Kills what still runs of the container and removes all that the runtime made for it.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), OciError> {
        let mut command = self.command();
        command.args(["delete", "--force", id]);
        let what = format!("delete the container `{id}`");
        let status = quiet(command).await.map_err(OciError::io(what.clone()))?;
        if status.success() && !self.state.join(id).exists() {
            return Ok(());
        }
        Err(OciError::Runtime(format!("failed to {what}: the runtime ended with {status}")))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program.path);
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.arg("--root").arg(&self.state);
        command
    }
}

async fn quiet(mut command: Command) -> std::io::Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await
}

/// One container's folder: its config, and what the runtime leaves there.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) path: PathBuf,
}

impl Bundle {
    pub(crate) fn create(path: PathBuf, config: &oci_spec::runtime::Spec) -> Result<Self, OciError> {
        super::rootfs::private_folder(&path)?;
        let file = path.join("config.json");
        let text = serde_json::to_vec(config).map_err(std::io::Error::from);
        text.and_then(|text| fs::write(&file, text))
            .map_err(OciError::io(format!("write `{}`", file.display())))?;
        Ok(Self { path })
    }

    /// The runtime writes it when the program has started.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.path.join("pid")
    }

    fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Returns the first error that the runtime logged.
    pub(crate) fn runtime_error(&self) -> Option<String> {
        let log = fs::read_to_string(self.log()).ok()?;
        log.lines().find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            let level = line.get("level")?.as_str()?;
            matches!(level, "error" | "fatal").then(|| Some(line.get("msg")?.as_str()?.to_owned()))?
        })
    }

    /// Returns the program's process id, once it has started.
    pub(crate) fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()
    }
}

/// Tells whether a process handles SIGTERM. As the first of its namespace it gets no default action.
pub(crate) fn handles_term(pid: u32) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    let caught = status.ok().and_then(|text| {
        let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    caught.is_some_and(|mask| mask & (1 << (15 - 1)) != 0)
}
