use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use vyr_model::{LimitKind, Limits};

use super::{error::Stop, ticker::Haste};
use crate::{
    Cancel, Courtesy, Used,
    courtesy::{Look, PAUSE, Standing},
};

/// How long a guest may keep its thread while others wait for one.
const SLICE: Duration = Duration::from_millis(5);

/// What the guest's own thread and its supervisor know about one execution.
///
/// One thread at a time polls the guest; the atomics are there because the thread may change between polls.
pub(crate) struct Watch {
    cancel: Cancel,
    deadline: Instant,
    cpu_limit: u64,
    /// Processor nanoseconds of the polls that are over.
    cpu_before: AtomicU64,
    /// The thread's processor clock when the present poll began.
    poll_cpu: AtomicU64,
    /// Nanoseconds from `origin` to the present slice's start.
    slice_start: AtomicU64,
    origin: Instant,
    started: OnceLock<SystemTime>,
    memory_refused: AtomicBool,
    used: Used,
    courtesy: Courtesy,
    haste: Haste,
    /// What the guest owes and is owed, once it computes for long.
    standing: Mutex<Option<Standing>>,
}

/// What a guest does that looked at its watch.
pub(crate) enum Next {
    GoOn,
    /// Others may have the thread.
    Yield,
    /// Short tasks may have the processor.
    StandAside,
}

impl Watch {
    pub(crate) fn new(
        limits: &Limits,
        (cancel, used): (Cancel, Used),
        courtesy: Courtesy,
        haste: Haste,
    ) -> Arc<Self> {
        let origin = Instant::now();
        Arc::new(Self {
            cancel,
            deadline: origin.checked_add(limits.wall_time).unwrap_or_else(|| far_from(origin)),
            cpu_limit: nanos(limits.cpu_time),
            cpu_before: AtomicU64::new(0),
            poll_cpu: AtomicU64::new(0),
            slice_start: AtomicU64::new(0),
            origin,
            started: OnceLock::new(),
            memory_refused: AtomicBool::new(false),
            used,
            courtesy,
            haste,
            standing: Mutex::new(None),
        })
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The guest's poll begins on this thread.
    pub(crate) fn enter(&self) {
        self.poll_cpu.store(thread_cpu(), Ordering::Relaxed);
        self.slice_start.store(nanos(self.origin.elapsed()), Ordering::Relaxed);
    }

    /// The guest's poll is over.
    pub(crate) fn leave(&self) {
        let spent = thread_cpu().saturating_sub(self.poll_cpu.load(Ordering::Relaxed));
        let before = self.cpu_before.fetch_add(spent, Ordering::Relaxed);
        self.used.note_cpu(before.saturating_add(spent));
        if let Some(standing) = self.standing.lock().as_mut() {
            standing.end_turn();
        }
    }

    /// Returns the processor time of the polls that are over.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_before.load(Ordering::Relaxed))
    }

    /// Tells, between polls, whether the guest has to end.
    pub(crate) fn verdict(&self) -> Result<(), Stop> {
        self.check(self.cpu_before.load(Ordering::Relaxed), Instant::now())
    }

    /// Tells, inside a poll, whether the guest has to end, or else what it does next.
    pub(crate) fn tick(&self) -> Result<Next, Stop> {
        let poll = thread_cpu().saturating_sub(self.poll_cpu.load(Ordering::Relaxed));
        let now = Instant::now();
        let cpu = self.cpu_before.load(Ordering::Relaxed).saturating_add(poll);
        self.used.note_cpu(cpu);
        self.check(cpu, now)?;
        let mut standing = self.standing.lock();
        if let Some(standing) = standing.as_mut() {
            match standing.look(Duration::from_nanos(cpu), &self.courtesy) {
                Look::AsEver => {}
                Look::StandAside => return Ok(Next::StandAside),
                Look::OwnTurn => return Ok(Next::GoOn),
                Look::GiveWay => {
                    standing.give_way();
                    return Ok(Next::GoOn);
                }
            }
        }
        let start = Duration::from_nanos(self.slice_start.load(Ordering::Relaxed));
        if now.saturating_duration_since(self.origin).saturating_sub(start) < SLICE {
            return Ok(Next::GoOn);
        }
        // it had a slice of its own: from now on it makes room
        standing.get_or_insert_with(|| Standing::new(&self.courtesy));
        Ok(Next::Yield)
    }

    /// Leaves the processor to short tasks while there are any, but not longer than the guest's account allows.
    pub(crate) async fn stand_aside(&self) {
        loop {
            let begun = Instant::now();
            let is_due = self.standing.lock().as_ref().is_some_and(Standing::is_due);
            let place = if is_due {
                self.courtesy.place().await
            } else {
                tokio::time::sleep(PAUSE).await;
                None
            };
            let mut standing = self.standing.lock();
            let Some(standing) = standing.as_mut() else { return };
            standing.stood_aside(self.cpu(), begun.elapsed());
            if let Some(place) = place {
                standing.begin_turn(place, self.haste.begin());
                return;
            }
            if !self.courtesy.is_wanted() {
                return;
            }
        }
    }

    fn check(&self, cpu: u64, now: Instant) -> Result<(), Stop> {
        if self.cancel.is_requested() {
            return Err(self.cancel.limit_reached().map_or(Stop::Cancelled, Stop::Limit));
        }
        if cpu >= self.cpu_limit {
            return Err(Stop::Limit(LimitKind::CpuTime));
        }
        if now >= self.deadline {
            return Err(Stop::Limit(LimitKind::WallTime));
        }
        Ok(())
    }

    pub(crate) fn mark_started(&self) {
        let _ = self.started.set(SystemTime::now());
    }

    pub(crate) fn started(&self) -> Option<SystemTime> {
        self.started.get().copied()
    }

    pub(crate) fn note_memory(&self, bytes: u64) {
        self.used.note_memory(bytes);
    }

    pub(crate) fn refuse_memory(&self) {
        self.memory_refused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn memory_refused(&self) -> bool {
        self.memory_refused.load(Ordering::Relaxed)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A time that no run reaches, for limits beyond what the clock can hold.
fn far_from(now: Instant) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now.checked_add(YEAR).unwrap_or(now)
}

fn thread_cpu() -> u64 {
    nanos(Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default())
}
