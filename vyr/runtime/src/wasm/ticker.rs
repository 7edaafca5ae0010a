use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use parking_lot::Mutex;
use wasmtime::Engine;

use crate::schedule;

/// Between two looks of each running guest at its limits.
const PERIOD: Duration = Duration::from_millis(5);
/// The same while a guest that computes for long has a turn beside short tasks: so long do they wait for its processor.
const HURRIED: Duration = Duration::from_micros(150);
/// Periods without a guest after which the thread sleeps until the next one: a busy node never wakes it.
const IDLE_PERIODS: u32 = 100;

/// Moves the epochs on while guests run.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    thread: OnceLock<Thread>,
    running: AtomicUsize,
    hurried: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
    engines: Mutex<Vec<Engine>>,
}

impl Ticker {
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            thread: OnceLock::new(),
            running: AtomicUsize::new(0),
            hurried: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            engines: Mutex::default(),
        });
        let of_thread = Arc::clone(&shared);
        let thread =
            thread::Builder::new().name("vyr-epoch".into()).stack_size(64 << 10).spawn(move || {
                // late, it would find those waiting whom it is to help
                schedule::prompt();
                of_thread.run();
            })?;
        let _ = shared.thread.set(thread.thread().clone());
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn add(&self, engine: &Engine) {
        self.shared.engines.lock().push(engine.clone());
    }

    pub(crate) fn kick(&self) {
        for engine in self.shared.engines.lock().iter() {
            engine.increment_epoch();
        }
    }

    /// Counts a guest in until the result is dropped.
    pub(crate) fn enter(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.shared.unpark();
        }
        Running(&self.shared)
    }

    /// Returns what asks for more looks.
    pub(crate) fn haste(&self) -> Haste {
        Haste(Arc::clone(&self.shared))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.unpark();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One guest that runs.
pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Has guests look at their limits more often.
pub(crate) struct Haste(Arc<Shared>);

impl Haste {
    /// They do until the result is dropped.
    pub(crate) fn begin(&self) -> Hurried {
        self.0.hurried.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
        Hurried(Arc::clone(&self.0))
    }
}

/// Somebody who has guests look more often.
pub(crate) struct Hurried(Arc<Shared>);

impl Drop for Hurried {
    fn drop(&mut self) {
        self.0.hurried.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn run(&self) {
        let mut idle = 0;
        while !self.stop.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) > 0 {
                idle = 0;
                for engine in self.engines.lock().iter() {
                    engine.increment_epoch();
                }
            } else {
                idle += 1;
            }
            if idle < IDLE_PERIODS {
                let hurried = self.hurried.load(Ordering::SeqCst) > 0;
                thread::park_timeout(if hurried { HURRIED } else { PERIOD });
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            // a guest that came before the flag was set has counted itself in
            if self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}
