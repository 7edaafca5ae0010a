//! The threads on which guests execute, apart from those that answer calls.
//!
//! ```text
//! every guest ─► quick threads ── keeps its thread for a slice? ─► patient threads, of lower priority
//! ```
//! Most guests end within their first slice. One that does not goes on where it stands in nobody's
//! way: a new guest finds a quick thread free, and the system lets it pass.

use std::{
    future::{Future, pending, poll_fn},
    panic::resume_unwind,
    pin::Pin,
    sync::OnceLock,
    task::Poll,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use vyr_runtime::schedule;

/// A poll that takes this long is a guest's that computes: it was interrupted after its slice.
const LONG_POLL: Duration = Duration::from_millis(3);

/// Something that runs to its end.
pub(crate) type Run<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Both kinds of thread.
pub(crate) struct GuestThreads {
    quick: Handle,
    /// Made for the first guest that needs them.
    patient: OnceLock<Handle>,
    runtimes: Mutex<Vec<Runtime>>,
}

impl GuestThreads {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut quick = Builder::new_multi_thread();
        let quick = quick.thread_name("vyr-guest").on_thread_start(schedule::prompt).enable_all().build()?;
        let handle = quick.handle().clone();
        Ok(Self { quick: handle, patient: OnceLock::new(), runtimes: Mutex::new(vec![quick]) })
    }

    /// Begins something on the quick threads.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.quick.spawn(future);
    }

    /// Runs a guest: here, and elsewhere once it turns out to compute for long; then `leaves` is called.
    pub(crate) async fn run<T: Send + 'static>(&self, mut guest: Run<T>, leaves: impl FnOnce()) -> T {
        let ended = poll_fn(|cx| {
            let begun = Instant::now();
            match guest.as_mut().poll(cx) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if begun.elapsed() >= LONG_POLL => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(ended) = ended.await {
            return ended;
        }
        leaves();
        let Some(patient) = self.patient() else { return guest.await };
        match patient.spawn(guest).await {
            Ok(ended) => ended,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // the threads are gone, with the node: nobody waits for this any more
                Err(_) => pending().await,
            },
        }
    }

    /// Returns the patient threads; `None` where the system gives none.
    fn patient(&self) -> Option<&Handle> {
        let mut runtimes = self.runtimes.lock();
        if let Some(patient) = self.patient.get() {
            return Some(patient);
        }
        let mut builder = Builder::new_multi_thread();
        let made = builder.thread_name("vyr-patient").on_thread_start(schedule::patient).enable_all().build();
        match made {
            Ok(made) => {
                let handle = self.patient.get_or_init(|| made.handle().clone());
                runtimes.push(made);
                Some(handle)
            }
            Err(error) => {
                tracing::warn!(%error, "no threads for guests that compute for long; they stay where they are");
                None
            }
        }
    }

    /// Ends every guest at its next slice; waits for none.
    pub(crate) fn shutdown(&self) {
        // a runtime must not be dropped where tasks run: hand it to a thread of its own
        for runtime in std::mem::take(&mut *self.runtimes.lock()) {
            runtime.shutdown_background();
        }
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, thread};

    use super::*;

    fn name() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_guest_that_computes_for_long_moves_away() {
        let threads = GuestThreads::new().unwrap();
        let moved = Cell::new(false);
        let quick = threads.run(Box::pin(async { 7 }), || moved.set(true)).await;
        assert!(!moved.get());
        let computes = Box::pin(async {
            let begun = Instant::now();
            while begun.elapsed() < 2 * LONG_POLL {}
            tokio::task::yield_now().await;
            name()
        });
        let patient = threads.run(computes, || moved.set(true)).await;
        assert!(moved.get());
        assert_eq!((quick, patient.as_str()), (7, "vyr-patient"));
    }
}
