//! Measures one guest from request to outcome in this process: `cargo bench -p vyr-runtime [-- GUEST.wasm [RUNS]]`.
//!
//! Prints P50 and P99 of a run with everything on (limits, epochs, watch, sinks), of loading compiled code, and of
//! the way from cancel to the end of an infinite loop; and the memory that is resident when idle.

use std::{
    error::Error,
    path::PathBuf,
    time::{Duration, Instant},
};

use vyr_model::{Limits, Terminal};
use vyr_runtime::{
    Cancel, OutputSink, RunRequest, SinkError, Stdin, Used,
    wasm::{Metering, Program, ProgramKind, Runtime, RuntimeOptions, compile},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const NOOP: &str = "noop.wasm";
const SPIN: &str = "spin.wasm";

struct Discard;

impl OutputSink for Discard {
    fn write(&mut self, _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }
}

fn request(cancel: Cancel) -> RunRequest {
    RunRequest {
        task: None,
        args: vec!["guest".into()],
        env: Vec::new(),
        dirs: Vec::new(),
        http_out: Vec::new(),
        states: Vec::new(),
        limits: Limits::default(),
        stdin: Stdin::Empty,
        stdout: Box::new(Discard),
        stderr: Box::new(Discard),
        out_dir: None,
        cancel,
        determinism: None,
        used: Used::default(),
    }
}

fn guest(name: &str) -> Outcome<PathBuf> {
    if let Some(dir) = std::env::var_os("VYR_GUESTS") {
        return Ok(PathBuf::from(dir).join(name));
    }
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").ok_or("set VYR_GUESTS")?).join(".cache"),
    };
    Ok(cache.join("vyr/guests").join(name))
}

fn load(runtime: &Runtime, code: &[u8], kind: ProgramKind) -> Outcome<Program> {
    #[expect(unsafe_code, reason = "the code was compiled by this process")]
    // SAFETY: the callers pass what `compile` returned.
    let program = unsafe { runtime.load(code, kind, Metering::Time) }?;
    Ok(program)
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("{what:<28} P50 {:>9.1?}  P99 {:>9.1?}  n {}", at(50), at(99), times.len());
}

fn resident() -> Outcome<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS")).ok_or("no VmRSS")?;
    Ok(line.trim_start_matches("VmRSS:").trim().to_owned())
}

async fn run_once(runtime: &Runtime, program: &Program) -> Outcome<Duration> {
    let start = Instant::now();
    let outcome = runtime.run(program, request(Cancel::default())).await;
    let took = start.elapsed();
    if outcome.terminal != Terminal::Succeeded {
        return Err(format!("{:?}", outcome.terminal).into());
    }
    Ok(took)
}

async fn cancel_once(runtime: &Runtime, program: &std::sync::Arc<Program>) -> Outcome<Duration> {
    let cancel = Cancel::default();
    let (of_task, runtime_of_task) = (request(cancel.clone()), runtime.clone());
    let program = std::sync::Arc::clone(program);
    let running = tokio::spawn(async move {
        let outcome = runtime_of_task.run(&program, of_task).await;
        (outcome, Instant::now())
    });
    tokio::time::sleep(Duration::from_millis(3)).await;
    let start = Instant::now();
    cancel.cancel();
    runtime.kick();
    let (outcome, end) = running.await?;
    if outcome.terminal != Terminal::Cancelled {
        return Err(format!("{:?}", outcome.terminal).into());
    }
    Ok(end.saturating_duration_since(start))
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let path = match args.first() {
        Some(path) => path.into(),
        None => guest(NOOP)?,
    };
    let runs: usize = args.get(1).map_or(Ok(20_000), |runs| runs.parse())?;
    println!("resident at start            {}", resident()?);
    let start = Instant::now();
    let runtime = Runtime::new(RuntimeOptions::default())?;
    println!("runtime ready after          {:.1?}, resident {}", start.elapsed(), resident()?);

    let wasm = std::fs::read(&path)?;
    let kind = ProgramKind::detect(&wasm).ok_or("no Wasm")?;
    let start = Instant::now();
    let code = compile(&wasm, Metering::Time)?;
    println!("compiled in                  {:.1?}: {} -> {} bytes", start.elapsed(), wasm.len(), code.len());

    let mut loads = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        let program = load(&runtime, &code, kind)?;
        loads.push(start.elapsed());
        drop(program);
    }
    show("load", loads);

    let program = load(&runtime, &code, kind)?;
    for _ in 0..200 {
        run_once(&runtime, &program).await?;
    }
    let mut times = Vec::new();
    for _ in 0..runs {
        times.push(run_once(&runtime, &program).await?);
    }
    show("run", times);
    println!("resident after the runs      {}", resident()?);

    let wasm = std::fs::read(guest(SPIN)?)?;
    let spin = load(&runtime, &compile(&wasm, Metering::Time)?, ProgramKind::Component)?;
    let spin = std::sync::Arc::new(spin);
    let mut times = Vec::new();
    for _ in 0..300 {
        times.push(cancel_once(&runtime, &spin).await?);
    }
    show("cancel of a loop to its end", times);
    Ok(())
}
