//! Guests, requests and captured output for the tests.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use parking_lot::Mutex;
use vyr_model::{Failure, LimitKind, Limits, Terminal};
use vyr_runtime::{
    Cancel, OutputSink, RunOutcome, RunRequest, SinkError, Stdin, Used,
    wasm::{Metering, Program, ProgramKind, Runtime, RuntimeOptions, compile},
};

/// Returns the runtime that most tests share: as in a node, guests are neighbours.
pub(crate) fn runtime() -> Runtime {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED.get_or_init(|| Runtime::new(RuntimeOptions::default()).unwrap()).clone()
}

/// Collects what a guest writes.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

impl OutputSink for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.0.lock().extend_from_slice(bytes);
        Ok(())
    }
}

/// One run to be: a request whose output is kept.
pub(crate) struct Task {
    pub(crate) request: RunRequest,
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
}

/// What became of it.
pub(crate) struct Ran {
    pub(crate) outcome: RunOutcome,
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
}

impl Task {
    pub(crate) fn new(args: &[&str]) -> Self {
        let (stdout, stderr) = (Sink::default(), Sink::default());
        let request = RunRequest {
            task: None,
            args: std::iter::once(&"guest").chain(args).map(|arg| (*arg).to_owned()).collect(),
            env: Vec::new(),
            dirs: Vec::new(),
            http_out: Vec::new(),
            states: Vec::new(),
            limits: Limits::default(),
            stdin: Stdin::Empty,
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            out_dir: None,
            cancel: Cancel::default(),
            determinism: None,
            used: Used::default(),
        };
        Self { request, stdout, stderr }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut RunRequest)) -> Self {
        change(&mut self.request);
        self
    }

    pub(crate) fn limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        self.with(|request| change(&mut request.limits))
    }

    pub(crate) fn stdin(self, bytes: impl Into<Bytes>) -> Self {
        self.with(|request| request.stdin = Stdin::Bytes(bytes.into()))
    }

    pub(crate) async fn run(self, program: &Program) -> Ran {
        let Self { request, stdout, stderr } = self;
        Ran { outcome: runtime().run(program, request).await, stdout, stderr }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        let Ran { outcome, stderr, .. } = &self;
        assert_eq!(outcome.terminal, Terminal::Succeeded, "{}", String::from_utf8_lossy(&stderr.bytes()));
        self
    }

    #[track_caller]
    pub(crate) fn ended(&self, terminal: Terminal) {
        assert_eq!(self.outcome.terminal, terminal, "{}", String::from_utf8_lossy(&self.stderr.bytes()));
    }

    #[track_caller]
    pub(crate) fn limited(&self, kind: LimitKind) {
        self.ended(Terminal::Failed(Failure::Limit(kind)));
    }

    #[track_caller]
    pub(crate) fn trap(&self) -> &str {
        match &self.outcome.terminal {
            Terminal::Failed(Failure::Trap(text)) => text,
            other => panic!("not a trap: {other:?}"),
        }
    }
}

/// Loads code that the caller compiled.
pub(crate) fn load_code(code: &[u8], kind: ProgramKind, metering: Metering) -> Program {
    load_code_in(&runtime(), code, kind, metering)
}

fn load_code_in(runtime: &Runtime, code: &[u8], kind: ProgramKind, metering: Metering) -> Program {
    #[expect(unsafe_code, reason = "the tests compile what they load")]
    // SAFETY: every caller in these tests passes what `compile` or a `Compiler` returned.
    unsafe {
        runtime.load(code, kind, metering).unwrap()
    }
}

pub(crate) fn load_in(runtime: &Runtime, wasm: &[u8], metering: Metering) -> Program {
    let code = compile(wasm, metering).unwrap();
    load_code_in(runtime, &code, ProgramKind::detect(wasm).unwrap(), metering)
}

pub(crate) fn load(wasm: &[u8]) -> Program {
    load_in(&runtime(), wasm, Metering::Time)
}

/// Loads hand-written Wasm.
pub(crate) fn wat(text: &str) -> Program {
    load(&wat::parse_str(text).unwrap())
}

/// A preview 1 command from the functions, memories and data in `body`.
pub(crate) fn command(body: &str) -> Program {
    wat(&format!("(module {body})"))
}

fn guests() -> PathBuf {
    if let Some(dir) = std::env::var_os("VYR_GUESTS") {
        return dir.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        Path::new(&std::env::var_os("HOME").expect("HOME or VYR_GUESTS is set")).join(".cache")
    });
    cache.join("vyr/guests")
}

/// Reads a built guest, `noop` or `noop.p1` for instance.
pub(crate) fn guest_bytes(name: &str) -> Vec<u8> {
    let path = guests().join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("no guest at {} ({error}): build them with `./x guests`", path.display())
    })
}

/// Loads a built guest.
pub(crate) fn guest(name: &str) -> Program {
    load(&guest_bytes(name))
}
