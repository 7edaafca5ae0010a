use std::time::{Duration, Instant};

use super::{Account, Courtesy, Patient, Place};
use crate::wasm::Hurried;

/// A guest that computes for long, and makes room for short tasks.
pub(crate) struct Standing {
    account: Account,
    turn: Option<Turn>,
    _patient: Patient,
}

/// A turn of its own, beside short tasks.
struct Turn {
    begun: Instant,
    /// Whoever waits for its processor waits no longer than from one look to the next.
    _hurried: Hurried,
    _place: Place,
}

/// What a guest that computes for long does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// What it would do without short tasks.
    AsEver,
    StandAside,
    /// Compute: it is its own turn.
    OwnTurn,
    /// Likewise, once those are past that wait for its very processor.
    GiveWay,
}

impl Standing {
    pub(crate) fn new(courtesy: &Courtesy) -> Self {
        Self { account: Account::default(), turn: None, _patient: courtesy.join() }
    }

    /// The guest, which has had `cpu` of processor time so far, looks whether it may go on.
    pub(crate) fn look(&mut self, cpu: Duration, courtesy: &Courtesy) -> Look {
        self.account.pay(cpu);
        if let Some(turn) = &self.turn
            && self.account.is_over(turn.begun.elapsed())
        {
            self.turn = None;
        }
        match &self.turn {
            _ if !courtesy.is_wanted() => Look::AsEver,
            None => Look::StandAside,
            Some(_) if self.account.gives_way() => Look::GiveWay,
            Some(_) => Look::OwnTurn,
        }
    }

    /// Lets those pass that wait for this processor.
    ///
    /// The system would let them wait for its tick (4 ms) where they have just had more than their share.
    pub(crate) fn give_way(&mut self) {
        let begun = Instant::now();
        std::thread::yield_now();
        self.account.gave_way(begun.elapsed());
    }

    /// Tells whether it stood aside for long enough to have a turn of its own.
    pub(crate) fn is_due(&self) -> bool {
        self.account.is_due()
    }

    /// It stood aside for `time`, and has had `cpu` of processor time before.
    pub(crate) fn stood_aside(&mut self, cpu: Duration, time: Duration) {
        self.account.pay(cpu);
        self.account.stood_aside(time);
    }

    pub(crate) fn begin_turn(&mut self, place: Place, hurried: Hurried) {
        self.turn = Some(Turn { begun: Instant::now(), _hurried: hurried, _place: place });
    }

    /// It leaves its thread, for whatever reason: the next may have its turn.
    pub(crate) fn end_turn(&mut self) {
        self.turn = None;
    }
}
