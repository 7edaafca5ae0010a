use std::{
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{process::Child, sync::oneshot, time::Instant};
use vyr_model::{Failure, LimitKind, Limits, TaskId, Terminal};

use super::{
    OciError, Rootfs,
    command::{Bundle, handles_term},
    output, pump,
    pump::{Stop, Stops},
    runtime::Inner,
    spec,
    spec::{Identity, Wanted},
    terminal::{self, Evidence, ExitCode},
};
use crate::{Cancel, RunOutcome, RunRequest};

/// The shortest and the longest time between two looks at the processor time.
const CPU_LOOKS: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];
/// Time between two looks at `/out`, and at least this many times what a look takes.
const OUTPUT_LOOK: Duration = Duration::from_millis(100);
const OUTPUT_LOOK_SHARE: u32 = 20;
/// Time for the kernel and the runtime to end a container that was killed, and between the tries.
const KILL_TIME: Duration = Duration::from_secs(10);
const KILL_RETRY: Duration = Duration::from_millis(20);
/// Time for the runtime to tell the process of a program that has only just begun.
const PID_TIME: Duration = Duration::from_millis(500);
/// Times that a container's removal is tried.
const DELETE_TRIES: usize = 3;

/// Runs one container to its end. `abandoned` closes when nobody waits for the outcome any more.
pub(crate) async fn execute(
    inner: Arc<Inner>,
    rootfs: Arc<Rootfs>,
    request: RunRequest,
    abandoned: oneshot::Receiver<Infallible>,
) -> RunOutcome {
    let prepared = SystemTime::now();
    let ended = |terminal| RunOutcome {
        terminal,
        prepared,
        started: None,
        ended: SystemTime::now(),
        cpu: Duration::ZERO,
    };
    if request.cancel.is_requested() {
        return ended(terminal::decide(Evidence {
            stop: Some(asked(&request.cancel)),
            ..Evidence::default()
        }));
    }
    match Container::create(inner, &rootfs, &request) {
        Ok(container) => container.run(request, abandoned, prepared).await,
        Err(error @ OciError::Request(_)) => ended(Terminal::Failed(Failure::Link(error.full_text()))),
        Err(error @ OciError::Folder(_)) => ended(Terminal::Failed(Failure::Grant(error.full_text()))),
        Err(error) => ended(Terminal::Failed(Failure::Internal(error.full_text()))),
    }
}

fn asked(cancel: &Cancel) -> Stop {
    cancel.limit_reached().map_or(Stop::Cancelled, Stop::Limit)
}

struct Container {
    inner: Arc<Inner>,
    id: String,
    bundle: Bundle,
}

impl Container {
    fn create(inner: Arc<Inner>, rootfs: &Rootfs, request: &RunRequest) -> Result<Self, OciError> {
        let id = TaskId::generate().to_string().replace("tsk_", super::sweep::PREFIX);
        let identity = Identity::choose(rootfs.config());
        if let Some(out) = &request.out_dir {
            give_to(out, identity)?;
        }
        let config = spec::spec(&Wanted {
            id: &id,
            rootfs: rootfs.path(),
            image: rootfs.config(),
            args: &request.args,
            env: &request.env,
            dirs: &request.dirs,
            out_dir: request.out_dir.as_deref(),
            limits: &request.limits,
            options: &inner.options,
            cgroups: &inner.cgroups,
            identity,
        })?;
        let bundle = Bundle::create(inner.bundles.join(&id), &config)?;
        Ok(Self { inner, id, bundle })
    }

    async fn run(
        self,
        mut request: RunRequest,
        abandoned: oneshot::Receiver<Infallible>,
        prepared: SystemTime,
    ) -> RunOutcome {
        let stops = Stops::default();
        let stdin = std::mem::replace(&mut request.stdin, crate::Stdin::Empty);
        let exit = match self.start(stdin) {
            Ok((child, feed)) => self.supervise(child, feed, &mut request, abandoned, &stops).await,
            Err(error) => {
                stops.stop(Stop::Broken(error.full_text()));
                None
            }
        };
        let ended = SystemTime::now();
        let usage = self.inner.cgroups.usage(&self.id);
        let started = self.started(prepared);
        let evidence = Evidence {
            stop: stops.first(),
            exit,
            started: started.is_some(),
            out_of_memory: usage.oom_kills > 0,
            too_much_output: too_much_output(request.out_dir.clone(), request.limits.output_bytes).await,
            runtime_error: self.bundle.runtime_error(),
        };
        let mut terminal = terminal::decide(evidence);
        if let Err(error) = self.remove().await {
            tracing::error!(container.id = %self.id, "container not removed: {}", error.full_text());
            if terminal == Terminal::Succeeded {
                terminal = Terminal::Failed(Failure::Internal(error.full_text()));
            }
        }
        RunOutcome { terminal, prepared, started, ended, cpu: usage.cpu.unwrap_or_default() }
    }

    fn start(&self, stdin: crate::Stdin) -> Result<(Child, pump::Feed), OciError> {
        let (stdio, feed) = pump::open_stdin(stdin).map_err(OciError::io("rewind the input"))?;
        Ok((self.inner.commands.run(&self.id, &self.bundle, stdio)?, feed))
    }

    /// Waits for the end, which one of the limits or a cancel may bring about.
    async fn supervise(
        &self,
        mut child: Child,
        feed: pump::Feed,
        request: &mut RunRequest,
        abandoned: oneshot::Receiver<Infallible>,
        stops: &Stops,
    ) -> Option<ExitCode> {
        let feeding = tokio::spawn(pump::feed(child.stdin.take(), feed));
        let (limits, out_dir) = (request.limits, request.out_dir.clone());
        let (stdout, stderr) = (child.stdout.take()?, child.stderr.take()?);
        let (to_stdout, to_stderr) = (request.stdout.as_mut(), request.stderr.as_mut());
        let drained = async {
            tokio::join!(
                pump::drain(stdout, to_stdout, limits.stdout_bytes, LimitKind::Stdout, stops),
                pump::drain(stderr, to_stderr, limits.stderr_bytes, LimitKind::Stderr, stops),
            )
        };
        let watch = async {
            let stop = tokio::select! {
                () = stops.any() => return,
                () = request.cancel.requested() => asked(&request.cancel),
                _ = abandoned => Stop::Cancelled,
                () = tokio::time::sleep(limits.wall_time) => Stop::Limit(LimitKind::WallTime),
                () = self.cpu_used_up(&limits) => Stop::Limit(LimitKind::CpuTime),
                () = output_used_up(out_dir, &limits) => Stop::Limit(LimitKind::Output),
            };
            stops.stop(stop);
        };
        let runtime = child.id();
        let natural = async {
            let (status, _) = tokio::join!(child.wait(), drained);
            status
        };
        tokio::pin!(natural);
        let status = tokio::select! {
            biased;
            status = &mut natural => status,
            () = watch => {
                let gentle = stops.first() == Some(Stop::Cancelled);
                self.end(gentle, runtime, &mut natural).await
            }
        };
        feeding.abort();
        status.ok().map(ExitCode::from)
    }

    /// Ends the container: gently with SIGTERM and a grace, then by SIGKILL, at last with the runtime itself.
    async fn end<S>(
        &self,
        gentle: bool,
        runtime: Option<u32>,
        natural: &mut (impl Future<Output = io::Result<S>> + Unpin),
    ) -> io::Result<S> {
        if gentle && self.pid().await.is_some_and(handles_term) {
            let grace = async {
                self.inner.commands.kill(&self.id, "TERM").await;
                tokio::time::sleep(self.inner.options.grace).await;
            };
            tokio::select! {
                biased;
                status = &mut *natural => return status,
                () = grace => {}
            }
        }
        let killed = async {
            // The container may be in the making still: then there is nothing yet that a signal could reach.
            while !self.inner.commands.kill(&self.id, "KILL").await {
                tokio::time::sleep(KILL_RETRY).await;
            }
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            status = &mut *natural => return status,
            _ = killed => {}
            () = tokio::time::sleep(KILL_TIME) => {}
        }
        if let Some(pid) = runtime.and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
            // Not waited for yet, so the id is still this child's.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.inner.commands.delete(&self.id).await;
        tokio::time::timeout(KILL_TIME, natural)
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the container does not end")))
    }

    /// Waits for the runtime to tell the program's process, which it does a little after the start.
    async fn pid(&self) -> Option<u32> {
        let told = async {
            loop {
                if let Some(pid) = self.bundle.pid() {
                    return pid;
                }
                tokio::time::sleep(KILL_RETRY).await;
            }
        };
        tokio::time::timeout(PID_TIME, told).await.ok()
    }

    async fn cpu_used_up(&self, limits: &Limits) {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        let [shortest, longest] = CPU_LOOKS;
        loop {
            let used = self.inner.cgroups.usage(&self.id).cpu.unwrap_or_default();
            if used >= limits.cpu_time {
                return;
            }
            // The soonest that the limit can be reached, on all cores at once.
            let soonest = limits.cpu_time.saturating_sub(used) / cores;
            tokio::time::sleep(soonest.clamp(shortest, longest)).await;
        }
    }

    /// The runtime writes the process id as soon as the program runs.
    fn started(&self, prepared: SystemTime) -> Option<SystemTime> {
        let written = fs::metadata(self.bundle.pid_file()).and_then(|data| data.modified()).ok()?;
        Some(written.max(prepared))
    }

    /// Removes the container, its cgroups and its folder.
    async fn remove(&self) -> Result<(), OciError> {
        let mut tries = 1;
        while let Err(error) = self.inner.commands.delete(&self.id).await {
            if tries == DELETE_TRIES {
                return Err(error);
            }
            tries += 1;
            tokio::time::sleep(KILL_RETRY).await;
        }
        self.inner.remove_groups(&self.id);
        super::rootfs::remove_all(&self.bundle.path)
    }
}

/// Completes when `/out` holds more than it may.
async fn output_used_up(folder: Option<PathBuf>, limits: &Limits) {
    let mut pause = OUTPUT_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        let began = Instant::now();
        if too_much_output(folder.clone(), limits.output_bytes).await {
            return;
        }
        pause = OUTPUT_LOOK.max(began.elapsed() * OUTPUT_LOOK_SHARE);
    }
}

async fn too_much_output(folder: Option<PathBuf>, limit: u64) -> bool {
    let Some(folder) = folder else { return false };
    let look = tokio::task::spawn_blocking(move || output::passes(&folder, limit));
    look.await.unwrap_or(true)
}

/// Lets the container's user write to its `/out`.
fn give_to(folder: &Path, identity: Identity) -> Result<(), OciError> {
    let Identity::Host { uid, gid } = identity else { return Ok(()) };
    std::os::unix::fs::chown(folder, Some(uid), Some(gid))
        .map_err(OciError::io(format!("give `{}` to the container's user", folder.display())))
}
