use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use vyr_model::{BindMode, StateId};
use vyr_state::{Binding, StateKernel, StateOptions};

/// A clock that moves when a test says so.
#[derive(Clone)]
pub(crate) struct TestClock {
    start: Instant,
    passed: Arc<AtomicU64>,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), passed: Arc::default() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.passed.load(Ordering::Relaxed))
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.passed.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
    }

    pub(crate) fn kernel(&self, options: StateOptions) -> StateKernel {
        let clock = self.clone();
        StateKernel::new(StateOptions { clock: Arc::new(move || clock.now()), ..options })
    }
}

pub(crate) fn bind(kernel: &StateKernel, id: StateId, mode: BindMode, now: Instant) -> Binding {
    let mut bindings = kernel.bind_all(&[(id, mode)], now).expect("the state exists");
    bindings.pop().expect("one binding")
}

/// A kernel with one state bound for writing.
pub(crate) fn bound(options: StateOptions) -> (StateKernel, Binding) {
    let clock = TestClock::new();
    let kernel = clock.kernel(options);
    let id = kernel.create("state", None, None, clock.now()).expect("created");
    let binding = bind(&kernel, id, BindMode::ReadWrite, clock.now());
    (kernel, binding)
}
