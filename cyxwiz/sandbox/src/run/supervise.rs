use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bollard::container::AttachContainerResults;
use parking_lot::Mutex;
use vyr_model::{DirGrant, EnvGrant, Failure, LimitKind, Limits, TaskId, Terminal};
use vyr_runtime::{Cancel, OutputSink, RunOutcome, RunRequest, Stdin};

use super::{
    container::Container,
    counters::Counters,
    disk::{self, Room},
    stop::{Stop, Stops},
    streams::{self, Counted},
    terminal::{self, Evidence},
};
use crate::{
    ContainerJob, ContainerOptions, Engine, Usage,
    error::chain,
    folders::{self, Identity},
    spec::{self, Wanted},
};

/// No engine makes a container with less.
const LEAST_MEMORY: u64 = 6 << 20;
/// Where the kernel has IPv6.
const IPV6: &str = "/proc/sys/net/ipv6";
/// Time for the engine to end a container that was killed.
const KILL_TIME: Duration = Duration::from_secs(20);
/// Time for the last of the output when the container has ended.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// The first sample; later ones come at growing steps up to the option's, so that a short job has some too.
const FIRST_SAMPLE: Duration = Duration::from_millis(100);
/// However often samples are asked for.
const SHORTEST_SAMPLE: Duration = Duration::from_millis(10);

/// What a run needs beside its request.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) options: &'a ContainerOptions,
    pub(crate) job: &'a ContainerJob,
}

/// A request without its streams, which only one may hold at a time.
struct Asked {
    task: Option<TaskId>,
    args: Vec<String>,
    env: Vec<EnvGrant>,
    dirs: Vec<DirGrant>,
    /// Whether it grants what only Wasm has.
    foreign: bool,
    limits: Limits,
    stdin: bool,
    out_dir: Option<PathBuf>,
    cancel: Cancel,
}

/// What a job reads and writes.
struct Pipes {
    stdin: Stdin,
    stdout: Box<dyn OutputSink>,
    stderr: Box<dyn OutputSink>,
}

fn split(request: RunRequest) -> (Asked, Pipes) {
    let asked = Asked {
        task: request.task,
        args: request.args,
        env: request.env,
        dirs: request.dirs,
        foreign: !request.http_out.is_empty() || !request.states.is_empty(),
        limits: request.limits,
        stdin: streams::has_input(&request.stdin),
        out_dir: request.out_dir,
        cancel: request.cancel,
    };
    (asked, Pipes { stdin: request.stdin, stdout: request.stdout, stderr: request.stderr })
}

/// Runs one job to its end. Nothing of it stays in the engine.
pub(crate) async fn run(run: Run<'_>, request: RunRequest) -> RunOutcome {
    let (request, pipes) = split(request);
    let prepared = SystemTime::now();
    let ended = |terminal| RunOutcome {
        terminal,
        prepared,
        started: None,
        ended: SystemTime::now(),
        cpu: Duration::ZERO,
    };
    if request.cancel.is_requested() {
        let stop = Some(Stop::asked(&request.cancel));
        return ended(terminal::decide(Evidence { stop, ..Evidence::default() }));
    }
    match create(&run, &request).await {
        Ok(container) => Live::new(&run, container, request).run(pipes, prepared).await,
        Err(failure) => ended(Terminal::Failed(failure)),
    }
}

async fn create(run: &Run<'_>, request: &Asked) -> Result<Container, Failure> {
    if request.foreign {
        let text = "a container job has no `http-out` and no states: its document says what it reaches";
        return Err(Failure::Grant(text.to_owned()));
    }
    if request.limits.memory_bytes < LEAST_MEMORY {
        return Err(Failure::Limit(LimitKind::Memory));
    }
    let identity = Identity::of_jobs();
    if let Some(out) = &request.out_dir {
        let given = folders::give(out, identity);
        given.map_err(|error| Failure::Internal(format!("failed to give `/out` to the job: {error}")))?;
    }
    let mounts = folders::mounts(&request.dirs, request.out_dir.as_deref()).map_err(Failure::Grant)?;
    let task = request.task.unwrap_or_else(TaskId::generate).to_string();
    let body = spec::create(Wanted {
        job: run.job,
        options: run.options,
        limits: &request.limits,
        args: request.args.get(1..).unwrap_or_default(),
        env: &request.env,
        mounts,
        identity,
        task: &task,
        stdin: request.stdin,
        runtime: run.engine.runtime(),
        init: run.engine.has_init(),
        ipv6: Path::new(IPV6).exists(),
        processes: run.engine.processes(),
        open_files: u64::from(run.options.open_files).min(run.engine.open_files().unwrap_or(u64::MAX)),
    });
    Container::create(run.engine, &task, body).await.map_err(|error| {
        let text = chain(&error);
        match crate::engine::status(&error) {
            // more processors than there are, for one; or an image that was removed meanwhile
            Some(400 | 404) => Failure::Link(format!("this node cannot hold the job: {text}")),
            _ => Failure::Internal(format!("failed to make the container: {text}")),
        }
    })
}

/// A container and what watches it.
struct Live<'a> {
    run: &'a Run<'a>,
    container: Container,
    request: Asked,
    /// The folders that it may write to.
    folders: Vec<PathBuf>,
    stops: Stops,
    /// The newest sample.
    usage: Mutex<Usage>,
}

impl<'a> Live<'a> {
    fn new(run: &'a Run<'a>, container: Container, request: Asked) -> Self {
        let folders = folders::writable(&request.dirs, request.out_dir.as_deref());
        Self { run, container, request, folders, stops: Stops::default(), usage: Mutex::default() }
    }

    fn room(&self) -> Room {
        Room { bytes: self.run.job.disk_bytes, entries: self.run.options.max_files }
    }

    async fn run(self, pipes: Pipes, prepared: SystemTime) -> RunOutcome {
        let mut evidence = Evidence::default();
        let mut started = None;
        match self.container.attach(self.request.stdin).await {
            Err(error) => self.stops.stop(Stop::Broken(chain(&error))),
            Ok(attached) => match self.container.start().await {
                Err(error) => evidence.start_error = Some(chain(&error)),
                Ok(()) => {
                    started = Some(SystemTime::now());
                    self.supervise(attached, pipes).await;
                }
            },
        }
        let ended = SystemTime::now();
        if started.is_some() {
            match self.container.state().await {
                Ok(state) => {
                    evidence.exit = state.exit_code;
                    evidence.out_of_memory = state.oom_killed == Some(true);
                }
                Err(error) => self.stops.stop(Stop::Broken(chain(&error))),
            }
            evidence.too_much_output = disk::passed(self.folders.clone(), self.room()).await;
        }
        evidence.stop = self.stops.first();
        let mut terminal = terminal::decide(evidence);
        if let Err(error) = self.container.remove().await {
            let text = chain(&error);
            tracing::error!(container.id = %self.container.id, "container not removed: {text}");
            if terminal == Terminal::Succeeded {
                terminal = Terminal::Failed(Failure::Internal(text));
            }
        }
        let cpu = self.usage.lock().cpu;
        RunOutcome { terminal, prepared, started, ended, cpu }
    }

    /// Waits for the end, which a limit or a cancel may bring about.
    async fn supervise(&self, attached: AttachContainerResults, mut pipes: Pipes) {
        let limits = &self.request.limits;
        let feeding = tokio::spawn(streams::feed(attached.input, pipes.stdin));
        let stdout = Counted::stdout(pipes.stdout.as_mut(), limits);
        let stderr = Counted::stderr(pipes.stderr.as_mut(), limits);
        let drained = streams::drain(attached.output, stdout, stderr, &self.stops);
        let natural = async {
            tokio::pin!(drained);
            tokio::select! {
                () = self.ended() => {
                    // what it wrote at last may still be on its way
                    let _ = tokio::time::timeout(DRAIN_TIME, drained).await;
                }
                // a program may close its output and run on
                () = &mut drained => self.ended().await,
            }
        };
        tokio::pin!(natural);
        let living = async {
            tokio::select! {
                biased;
                () = &mut natural => {}
                () = self.watch() => self.end(&mut natural).await,
            }
        };
        tokio::select! {
            () = living => {}
            _ = self.sample() => {}
        }
        feeding.abort();
    }

    async fn ended(&self) {
        if let Err(error) = self.container.ended().await {
            self.stops.stop(Stop::Broken(chain(&error)));
        }
    }

    /// Completes when there is a reason to stop.
    async fn watch(&self) {
        let stop = tokio::select! {
            () = self.stops.any() => return,
            () = self.request.cancel.requested() => Stop::asked(&self.request.cancel),
            () = tokio::time::sleep(self.request.limits.wall_time) => Stop::Limit(LimitKind::WallTime),
            () = disk::used_up(self.folders.clone(), self.room()) => Stop::Limit(LimitKind::Output),
        };
        self.stops.stop(stop);
    }

    /// Samples what the job uses for as long as it runs, a grace included.
    async fn sample(&self) -> Infallible {
        let counters = match self.container.state().await {
            Ok(state) => state.pid.filter(|pid| *pid > 0).and_then(Counters::of),
            Err(_) => None,
        };
        let mut pause = FIRST_SAMPLE.min(self.run.options.sample_every);
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(self.run.options.sample_every).max(SHORTEST_SAMPLE);
            let usage = match &counters {
                Some(counters) => counters.read(),
                None => self.container.usage().await,
            };
            let Some(usage) = usage else { continue };
            *self.usage.lock() = usage;
            if let Some(on_usage) = &self.run.options.on_usage {
                on_usage(self.request.task, usage);
            }
            if usage.cpu >= self.request.limits.cpu_time {
                self.stops.stop(Stop::Limit(LimitKind::CpuTime));
            }
        }
    }

    /// Ends the container: gently with SIGTERM and a grace, in which the other limits still hold, then by SIGKILL.
    /// Its output is taken all the while: the engine ends none whose output nobody takes.
    async fn end(&self, natural: &mut (impl Future<Output = ()> + Unpin)) {
        let ending = async {
            if self.stops.first().is_some_and(|stop| stop.is_gentle()) {
                self.container.signal("SIGTERM").await;
                tokio::select! {
                    () = self.stops.hard() => {}
                    () = disk::used_up(self.folders.clone(), self.room()) => {}
                    () = tokio::time::sleep(spec::grace(self.run.job, self.run.options)) => {}
                }
            }
            self.container.signal("SIGKILL").await;
            tokio::time::sleep(KILL_TIME).await;
        };
        tokio::select! {
            biased;
            () = natural => {}
            () = ending => tracing::error!(container.id = %self.container.id, "the container does not end"),
        }
    }
}
