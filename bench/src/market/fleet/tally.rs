use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::market::lab::now_ms;
use crate::samples::{Latency, Samples};

/// What a fleet saw. Beats count while [`Tally::count`] says so.
#[derive(Default)]
pub(in crate::market) struct Tally {
    counting: AtomicBool,
    open: AtomicU64,
    ended: AtomicU64,
    beats: AtomicU64,
    missed: AtomicU64,
    answered: Mutex<Samples>,
    /// When assignments came, milliseconds since 1970.
    assigned: Mutex<Vec<i64>>,
}

/// Beats of a while.
#[derive(Serialize)]
pub(in crate::market) struct Beating {
    /// Streams at its end.
    pub(in crate::market) open: u64,
    /// Streams that broke.
    pub(in crate::market) ended: u64,
    pub(in crate::market) beats: u64,
    /// Beats without an answer before the next one was due.
    pub(in crate::market) missed: u64,
    /// From a beat to its answer.
    pub(in crate::market) answer: Latency,
}

impl Tally {
    /// Starts or stops to count beats.
    pub(in crate::market) fn count(&self, on: bool) {
        self.counting.store(on, Ordering::Release);
    }

    pub(in crate::market) fn beating(&self) -> Result<Beating> {
        let read = |number: &AtomicU64| number.load(Ordering::Acquire);
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Beating {
            open: read(&self.open),
            ended: read(&self.ended),
            beats: read(&self.beats),
            missed: read(&self.missed),
            answer: answered.latency()?,
        })
    }

    /// When each assignment came, so far.
    pub(in crate::market) fn assigned(&self) -> Vec<i64> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn broke(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
        self.ended.fetch_add(1, Ordering::AcqRel);
    }

    /// A beat goes out, `unanswered`: before the one before it was answered.
    pub(super) fn beat(&self, unanswered: bool) {
        if self.counting.load(Ordering::Acquire) {
            self.beats.fetch_add(1, Ordering::AcqRel);
            self.missed.fetch_add(u64::from(unanswered), Ordering::AcqRel);
        }
    }

    pub(super) fn pulse(&self, after: Duration) {
        if self.counting.load(Ordering::Acquire) {
            self.answered.lock().unwrap_or_else(PoisonError::into_inner).push(after);
        }
    }

    pub(super) fn work(&self) {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner).push(now_ms());
    }
}
