//! The private engine: a `dockerd` of our own below one folder.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::namespace::Namespace;
use super::programs::Programs;
use super::{Engine, api};
use crate::cmd::{self, cmd, output};
use crate::place::Place;

/// How long it may take to answer; with images to look through on a busy machine that is seconds.
const START: Duration = Duration::from_secs(60);
/// How long it may take to stop its containers.
const STOP: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// The kernel's limit for the path of a socket, less what containerd appends.
const LONGEST_ROOT: usize = 70;

/// The engine of a cache folder.
pub(super) struct Private {
    pub(super) dir: PathBuf,
    namespace: Namespace,
    id: u32,
}

impl Private {
    pub(super) fn of(place: &Place) -> Self {
        let dir = place.cache.join("containers");
        let _ = fs::create_dir_all(&dir); // who needs it says why it cannot be made
        let file = fs::metadata(&dir).map_or((0, 0), |meta| (meta.dev(), meta.ino()));
        let id = id_of(&dir, file);
        Self { namespace: Namespace::of(id), dir, id }
    }

    /// Starts it where it does not run.
    pub(super) fn start(&self, place: &Place) -> Result<Engine> {
        let root = output(&mut cmd("id", ["-u"]))?.trim() == "0";
        let answers = api::answers(&self.socket());
        if answers && root && self.namespace.exists() {
            self.namespace.ensure()?; // its link may have been taken down
        } else if root {
            self.end_process()?;
            let programs = Programs::ensure(place)?;
            self.namespace.ensure()?;
            self.launch(&programs)?;
        } else if !answers {
            bail!(
                "no container engine answers, and only root can start a private one: start Docker or Podman"
            );
        }
        Ok(Engine {
            socket: self.socket(),
            namespace: Some(self.namespace.name.clone()),
            host_address: self.namespace.host_address(),
            outbound: Namespace::host_forwards(),
        })
    }

    /// Stops it, and removes what is not in its folder.
    pub(super) fn stop(&self) -> Result<()> {
        self.end_process()?;
        self.namespace.remove()?;
        self.remove_cgroups();
        for left in [self.socket(), self.exec_root()] {
            let _ = if left.is_dir() { fs::remove_dir_all(left) } else { fs::remove_file(left) };
        }
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("docker.sock")
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("docker.pid")
    }

    /// Sockets lie in it, whose paths have a limit.
    fn exec_root(&self) -> PathBuf {
        let below = self.dir.join("exec");
        if below.as_os_str().len() > LONGEST_ROOT {
            return PathBuf::from(format!("/run/{}", self.namespace.name));
        }
        below
    }

    fn cgroup(&self) -> String {
        format!("cyxwiz-{:08x}", self.id)
    }

    /// Its mounts stay in a namespace of its own, and so end with it.
    fn launch(&self, programs: &Programs) -> Result<()> {
        let log = self.dir.join("docker.log");
        let file = File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let config = self.dir.join("daemon.json");
        fs::write(&config, "{}")?; // else the system's own is read
        let net = format!("--net={}", self.namespace.path());
        let mut command = cmd("setsid", ["nsenter", &net, "unshare", "--mount", "--propagation", "slave"]);
        command.arg(&programs.dockerd).arg("--config-file").arg(config);
        command.arg("--data-root").arg(self.dir.join("data")).arg("--exec-root").arg(self.exec_root());
        command.arg("--pidfile").arg(self.pid_file());
        command.arg("--host").arg(format!("unix://{}", self.socket().display()));
        command.arg("--cgroup-parent").arg(format!("/{}", self.cgroup()));
        command.args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--userland-proxy=false"]);
        command.args(["--log-level", "warn"]);
        if let Some(libraries) = &programs.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command.env("PATH", &programs.path).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let mut child = command.spawn().context("cannot start the private container engine")?;
        let patience = Instant::now() + START;
        while !api::answers(&self.socket()) {
            let ended = child.try_wait()?.is_some();
            if ended || Instant::now() > patience {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().last().unwrap_or("nothing");
                bail!("the private container engine does not start; it said `{last}` (`{}`)", log.display());
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// The process, if it is there and ours.
    fn process(&self) -> Option<String> {
        let pid = fs::read_to_string(self.pid_file()).ok()?.trim().to_owned();
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let own = self.dir.join("data");
        line.split(|byte| *byte == 0).any(|word| word == own.as_os_str().as_encoded_bytes()).then_some(pid)
    }

    fn end_process(&self) -> Result<()> {
        for (signal, patience) in [("-TERM", STOP), ("-KILL", STOP)] {
            let Some(pid) = self.process() else { return Ok(()) };
            let _ = cmd::signal(signal, &pid);
            let patience = Instant::now() + patience;
            while self.process().is_some() && Instant::now() < patience {
                sleep(LOOK);
            }
        }
        match self.process() {
            None => Ok(()),
            Some(pid) => bail!("the private container engine (process {pid}) does not end"),
        }
    }

    /// They are empty when no container runs.
    fn remove_cgroups(&self) {
        let controllers = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        let parents = controllers.map(|entry| entry.path()).chain([PathBuf::from("/sys/fs/cgroup")]);
        for parent in parents {
            let _ = fs::remove_dir(parent.join(self.cgroup()));
        }
    }
}

/// A number that stands for a folder: the FNV-1a hash of its path, and of device and inode, since two root file
/// systems that share a network may have folders of one path.
fn id_of(dir: &Path, (device, inode): (u64, u64)) -> u32 {
    let path = dir.as_os_str().as_encoded_bytes().iter().copied();
    path.chain(device.to_le_bytes())
        .chain(inode.to_le_bytes())
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_engines_of_their_own() {
        let [a, b] = ["/a/containers", "/b/containers"].map(Path::new);
        assert_eq!(id_of(a, (1, 2)), id_of(a, (1, 2)));
        assert_ne!(id_of(a, (1, 2)), id_of(b, (1, 2)));
        assert_ne!(id_of(a, (1, 2)), id_of(a, (1, 3)));
    }
}
