//! Guests that compute for long stand aside while short tasks are in flight.
//!
//! ```text
//! submit ─► Courtesy::arrive ─► Short ──────────────► dropped: the task ended, or computes for long itself
//!                │ (kick)                                │
//! patient guest ─┴► stands aside, some ms at a time ◄────┴─ a little longer: the next submit is on its way
//!                      │ for long enough                  ▲
//!                      └► waits for a place ─► its turn ──┘ 5 ms of computing, letting pass who waits for its processor
//! ```
//! The system alone does not do it: a thread that wakes microseconds after it slept has had more than its share,
//! and waits for the next tick (4 ms) beside a thread that never rests, whatever the priorities. How long a guest
//! stands aside is bounded by its own [`Account`]; turns are taken one after the other, so that they leave a processor free.

mod account;
mod standing;

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::available_parallelism,
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use self::account::Account;
pub(crate) use self::{
    account::PAUSE,
    standing::{Look, Standing},
};

/// How long after the last arrival a task still counts as short: longer than most need, and short enough that
/// one that sleeps holds nobody up.
const SHORT: Duration = Duration::from_millis(10);
/// How long it lasts after the last one ended: who waits for one task sends the next at once.
const LINGER: Duration = Duration::from_micros(300);

/// Knows how many short tasks are in flight. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Courtesy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: Instant,
    in_flight: AtomicUsize,
    /// Nanoseconds from `origin` to the last arrival, and to the last end.
    arrived: AtomicU64,
    ended: AtomicU64,
    patient: AtomicUsize,
    /// For guests that have a turn of their own, first come, first served.
    places: Arc<Semaphore>,
}

impl Default for Inner {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self {
            // short tasks keep a processor, where there are two
            places: Arc::new(Semaphore::new(processors.saturating_sub(1).max(1))),
            origin: Instant::now(),
            in_flight: AtomicUsize::new(0),
            arrived: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            patient: AtomicUsize::new(0),
        }
    }
}

impl Courtesy {
    /// A task has come; it counts as short until the result is dropped.
    #[must_use]
    pub fn arrive(&self) -> Short {
        self.0.arrived.store(self.0.now(), Ordering::Relaxed);
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        Short(self.clone())
    }

    /// Tells whether a guest computes for long, and so has to look whether it is to stand aside.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.patient.load(Ordering::Relaxed) > 0
    }

    /// Waits until no task has come, and no short one ended, for `time`.
    pub async fn quiet(&self, time: Duration) {
        loop {
            let last = self.0.arrived.load(Ordering::Relaxed).max(self.0.ended.load(Ordering::Relaxed));
            let since = self.0.now().saturating_sub(last);
            let rest = time.saturating_sub(Duration::from_nanos(since));
            if last == 0 || rest.is_zero() {
                return;
            }
            sleep(rest).await;
        }
    }

    /// Counts in a guest that computes for long, until the result is dropped.
    pub(crate) fn join(&self) -> Patient {
        self.0.patient.fetch_add(1, Ordering::Relaxed);
        Patient(self.clone())
    }

    /// Tells whether guests that compute for long are to stand aside now.
    pub(crate) fn is_wanted(&self) -> bool {
        let now = self.0.now();
        let within = |since: &AtomicU64, time: Duration| {
            let since = Duration::from_nanos(since.load(Ordering::Relaxed));
            Duration::from_nanos(now).saturating_sub(since) < time
        };
        let in_flight = self.0.in_flight.load(Ordering::Relaxed) > 0;
        (in_flight && within(&self.0.arrived, SHORT)) || within(&self.0.ended, LINGER)
    }
}

/// Where a guest that computes for long does so beside short tasks.
pub(crate) type Place = OwnedSemaphorePermit;

impl Courtesy {
    /// Waits for a place, for as long as guests that compute for long are to stand aside at all.
    pub(crate) async fn place(&self) -> Option<Place> {
        let unwanted = async {
            while self.is_wanted() {
                sleep(PAUSE).await;
            }
        };
        tokio::select! {
            biased;
            place = Arc::clone(&self.0.places).acquire_owned() => place.ok(),
            () = unwanted => None,
        }
    }
}

impl Inner {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A task in flight that counts as short.
#[derive(Debug)]
pub struct Short(Courtesy);

impl Drop for Short {
    fn drop(&mut self) {
        let Courtesy(inner) = &self.0;
        inner.ended.store(inner.now(), Ordering::Relaxed);
        inner.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A guest that computes for long.
#[derive(Debug)]
pub(crate) struct Patient(Courtesy);

impl Drop for Patient {
    fn drop(&mut self) {
        let Courtesy(inner) = &self.0;
        inner.patient.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_those_in_flight_and_those_that_compute() {
        let courtesy = Courtesy::default();
        assert!(!courtesy.is_asked());
        let patient = courtesy.join();
        assert!(courtesy.is_asked());
        drop(patient);
        let (one, other) = (courtesy.arrive(), courtesy.arrive());
        drop(one);
        assert_eq!(courtesy.0.in_flight.load(Ordering::Relaxed), 1);
        drop(other);
        assert_eq!(courtesy.0.in_flight.load(Ordering::Relaxed), 0);
        assert!(!courtesy.is_asked());
    }
}
