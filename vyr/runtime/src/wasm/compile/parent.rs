use std::{
    convert::Infallible,
    ffi::OsString,
    future::pending,
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{CompileError, FAILED, INVALID, OK, READY, child::Bounds};
use crate::{
    Courtesy,
    wasm::{Level, Metering, ProgramKind},
};

/// The compiler takes and gives back memory all the time: large pages, and none given back in between, save
/// it a tenth of the system's share. Only glibc reads this.
const TUNABLES: &str = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=16777216:glibc.malloc.trim_threshold=268435456:\
                        glibc.malloc.mmap_threshold=33554432";

/// Bytes for which there is room before they come.
const READ_AHEAD: u64 = 4 << 20;

/// How much longer than others a compilation may take that nobody waits for: it stands aside for whatever comes.
const LATER: u32 = 10;

/// Between two looks at whether a compiler that nobody waits for is to stand aside.
const LOOK: Duration = Duration::from_millis(2);

/// Who waits for code, and so how good it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// A task waits: code of [`Level::Quick`].
    Quick,
    /// A task waits, for code of [`Level::Full`].
    Full,
    /// Nobody waits: code of [`Level::Full`], on one thread, of what processor time is left over. It stops while
    /// short tasks are in flight.
    Later,
}

impl Haste {
    /// Returns the level of the code.
    pub const fn level(self) -> Level {
        match self {
            Self::Quick => Level::Quick,
            Self::Full | Self::Later => Level::Full,
        }
    }

    /// Returns the name used on the compile child's command line.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Later => "later",
        }
    }
}

impl FromStr for Haste {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Quick, Self::Full, Self::Later].into_iter().find(|haste| haste.as_str() == text).ok_or(())
    }
}

/// How Wasm is compiled, and with what at most.
#[derive(Debug, Clone)]
pub struct CompilerOptions {
    /// The program whose `args` lead to [`super::compile_child_main`]: the running one, as a rule.
    pub program: PathBuf,
    /// The hidden subcommand.
    pub args: Vec<OsString>,
    /// Bytes of address space of the child. Default 4 GiB.
    pub memory_bytes: u64,
    /// Wall time of one compilation. Default 30 seconds.
    pub deadline: Duration,
    /// Processor time of one compilation, all its threads together. Default 60 seconds.
    pub cpu_time: Duration,
    /// Bytes of native code. Default 512 MiB.
    pub output_bytes: u64,
    /// Compilations at once; one more waits its turn. Default: one for each processor. Of those that nobody
    /// waits for there is one beside them.
    pub concurrent: usize,
    /// Tells compilations that nobody waits for when short tasks are in flight.
    pub courtesy: Courtesy,
}

impl CompilerOptions {
    /// Returns the defaults for a child that is `program` with `args`.
    pub fn new(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            memory_bytes: 4 << 30,
            deadline: Duration::from_secs(30),
            cpu_time: Duration::from_secs(60),
            output_bytes: 512 << 20,
            concurrent: std::thread::available_parallelism().map_or(1, usize::from),
            courtesy: Courtesy::default(),
        }
    }
}

/// Compiles foreign Wasm in child processes. Clones share the bound on how many run at once.
#[derive(Debug, Clone)]
pub struct Compiler {
    options: Arc<CompilerOptions>,
    running: Arc<Semaphore>,
    later: Arc<Semaphore>,
}

impl Compiler {
    /// Starts nothing yet.
    pub fn new(options: CompilerOptions) -> Self {
        let running = Arc::new(Semaphore::new(options.concurrent.max(1)));
        Self { options: Arc::new(options), running, later: Arc::new(Semaphore::new(1)) }
    }

    /// Compiles `wasm` for [`super::super::Runtime::load`]. Dropping the future ends the child.
    ///
    /// # Errors
    /// The Wasm is invalid or too much for the compiler, or the child could not be run.
    pub async fn compile(
        &self,
        wasm: &[u8],
        metering: Metering,
        haste: Haste,
    ) -> Result<Vec<u8>, CompileError> {
        ProgramKind::detect(wasm).ok_or(CompileError::NotWasm)?;
        let (places, times) = match haste {
            Haste::Quick | Haste::Full => (&self.running, 1),
            Haste::Later => (&self.later, LATER),
        };
        let _running = places.acquire().await;
        let mut child = self.spawn(metering, haste)?;
        let deadline = self.options.deadline.saturating_mul(times);
        let ready = AtomicBool::new(false);
        let id = child.id().filter(|_| haste == Haste::Later);
        let stands_aside = stand_aside(id, &ready, &self.options.courtesy);
        let compiled = async {
            tokio::select! {
                compiled = self.converse(&mut child, wasm, &ready) => compiled,
                never = stands_aside => match never {},
            }
        };
        match timeout(deadline, compiled).await {
            Ok(result) => result,
            Err(_) => {
                let _ = child.kill().await;
                Err(CompileError::Deadline { limit: deadline })
            }
        }
    }

    fn spawn(&self, metering: Metering, haste: Haste) -> Result<Child, CompileError> {
        let options = &*self.options;
        let bounds = Bounds {
            metering,
            haste,
            memory_bytes: options.memory_bytes,
            // the kernel counts whole seconds
            cpu_seconds: options.cpu_time.as_secs().max(1),
        };
        let mut command = Command::new(&options.program);
        command.env_clear().env("GLIBC_TUNABLES", TUNABLES);
        if haste == Haste::Later {
            command.env("RAYON_NUM_THREADS", "1");
        }
        command
            .args(&options.args)
            .args(bounds.to_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| CompileError::Process { action: "start", source })
    }

    async fn converse(
        &self,
        child: &mut Child,
        wasm: &[u8],
        ready: &AtomicBool,
    ) -> Result<Vec<u8>, CompileError> {
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            let source = io::Error::other("it has no pipes");
            return Err(CompileError::Process { action: "talk to", source });
        };
        let limit = self.options.output_bytes;
        let (sent, received) = tokio::join!(send(stdin, wasm), receive(stdout, limit, ready));
        match received {
            // whole: dropping the child ends it, should it not end by itself
            Ok(Some((status, content))) => unpack(status, content),
            Ok(None) => {
                let _ = child.kill().await;
                Err(CompileError::Output { limit })
            }
            Err(received) => {
                let status = child.wait().await;
                let status = status.map_err(|source| CompileError::Process { action: "wait for", source })?;
                if !status.success() {
                    return Err(self.died(status));
                }
                let source = sent.err().unwrap_or(received);
                Err(CompileError::Process { action: "talk to", source })
            }
        }
    }

    /// Says what a child died of that could not say it itself.
    fn died(&self, status: ExitStatus) -> CompileError {
        let signal = status.signal().and_then(Signal::from_named_raw);
        match signal {
            Some(Signal::XCPU | Signal::KILL) => CompileError::Deadline { limit: self.options.cpu_time },
            // Rust aborts when an allocation fails; the stack's growth meets the same limit
            Some(Signal::ABORT | Signal::SEGV | Signal::BUS) => {
                CompileError::Memory { limit: self.options.memory_bytes }
            }
            _ => CompileError::Crashed(status.to_string()),
        }
    }
}

/// Stops a child that is ready for it while short tasks are in flight. It is not yet waited for, so its number is its own.
async fn stand_aside(child: Option<u32>, ready: &AtomicBool, courtesy: &Courtesy) -> Infallible {
    let Some(child) = child.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else {
        return pending().await;
    };
    let mut stands_aside = false;
    loop {
        let wanted = ready.load(Relaxed) && courtesy.is_wanted();
        if wanted != stands_aside {
            let signal = if wanted { Signal::STOP } else { Signal::CONT };
            // one that has ended needs none
            let _ = kill_process(child, signal);
            stands_aside = wanted;
        }
        sleep(LOOK).await;
    }
}

async fn send(mut stdin: ChildStdin, wasm: &[u8]) -> io::Result<()> {
    stdin.write_all(wasm).await?;
    stdin.shutdown().await
}

/// Reads the answer: its status and its content; `None` where the content is larger than `limit`.
async fn receive(
    mut stdout: impl AsyncRead + Unpin,
    limit: u64,
    ready: &AtomicBool,
) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut status = stdout.read_u8().await?;
    if status == READY {
        ready.store(true, Relaxed);
        status = stdout.read_u8().await?;
    }
    let length = stdout.read_u64_le().await?;
    if length > limit {
        return Ok(None);
    }
    let mut content = Vec::with_capacity(usize::try_from(length.min(READ_AHEAD)).unwrap_or(0));
    stdout.take(length).read_to_end(&mut content).await?;
    if u64::try_from(content.len()).ok() != Some(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((status, content)))
}

fn unpack(status: u8, content: Vec<u8>) -> Result<Vec<u8>, CompileError> {
    let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
    match status {
        OK => Ok(content),
        INVALID => Err(CompileError::Invalid(text(&content))),
        FAILED => Err(CompileError::Process { action: "set up", source: io::Error::other(text(&content)) }),
        _ => Err(CompileError::Crashed("no answer".into())),
    }
}
