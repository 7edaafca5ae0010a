//! One assignment of a job to a node: who may speak for it, and when its node counts as lost.

use cyxwiz_escrow_policy::Epoch;

use crate::{AttemptId, Moment, Span};

/// How often a node beats. A cut of 15 s that begins just before a beat makes 19 s of silence: less than [`LOST_AFTER`].
pub const BEAT_EVERY: Span = Span::seconds(4);
/// Silence from which on time is not charged and no work is assigned.
pub const SUSPECT_AFTER: Span = Span::seconds(10);
/// Silence after which the node's attempts go elsewhere. Longer than a 15 second cut, which kills nothing; half a second
/// short of the 20 s in which it must have been seen and acted upon.
pub const LOST_AFTER: Span = Span(19_500);
/// After one checkpoint is kept, how long until the next is taken: with what its upload takes there is one a minute, and a
/// lost node costs no more than that.
pub const CHECKPOINT_EVERY: Span = Span::seconds(45);
/// How often a job is assigned in all, unless its buyer says otherwise.
pub const DEFAULT_ATTEMPTS: u32 = 3;
/// How often a job may be assigned in all.
pub const MAX_ATTEMPTS: u32 = 10;

/// What silence says of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It beats.
    Alive,
    /// It was silent for a while: gets no work, loses none.
    Suspect,
    /// It was silent for too long: its work goes elsewhere.
    Lost,
}

impl Liveness {
    /// By the last beat.
    #[must_use]
    pub fn of(last_beat: Moment, now: Moment) -> Self {
        match now.since(last_beat) {
            silent if silent > LOST_AFTER => Self::Lost,
            silent if silent > SUSPECT_AFTER => Self::Suspect,
            _ => Self::Alive,
        }
    }
}

/// The attempt that a job has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// Which.
    pub attempt: AttemptId,
    /// Its fencing epoch.
    pub epoch: Epoch,
}

/// A report for an attempt that is no longer the job's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attempt {attempt} of epoch {} is no longer the job's: drop it", epoch.0)]
pub struct Stale {
    /// The reported attempt.
    pub attempt: AttemptId,
    /// Its epoch.
    pub epoch: Epoch,
}

/// Tells whether a report counts: only for the very attempt, at its very epoch.
///
/// # Errors
/// [`Stale`]
pub fn may_report(current: Option<Current>, attempt: AttemptId, epoch: Epoch) -> Result<(), Stale> {
    if current == Some(Current { attempt, epoch }) { Ok(()) } else { Err(Stale { attempt, epoch }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_of_fifteen_seconds_kills_nothing() {
        let of = |silent| Liveness::of(Moment(0), Moment(silent));
        assert_eq!(of(10_000), Liveness::Alive);
        assert_eq!(of(15_000), Liveness::Suspect);
        assert_eq!(of(19_500), Liveness::Suspect);
        assert_eq!(of(19_501), Liveness::Lost);
        assert_eq!(of(-5), Liveness::Alive);
        // even one that begins just before a beat, and whose end is noticed half a second later
        let cut = BEAT_EVERY.plus(Span::seconds(15)).plus(Span(500));
        assert_eq!(Liveness::of(Moment(0), Moment(0).plus(cut)), Liveness::Suspect);
    }

    #[test]
    fn a_late_node_is_refused() {
        let (first, second) = (AttemptId::generate(), AttemptId::generate());
        let current = Some(Current { attempt: second, epoch: Epoch(2) });
        assert_eq!(may_report(current, second, Epoch(2)), Ok(()));
        assert!(may_report(current, first, Epoch(1)).is_err());
        assert!(may_report(current, second, Epoch(1)).is_err());
        assert!(may_report(current, first, Epoch(2)).is_err());
        assert!(may_report(None, second, Epoch(2)).is_err());
    }

    /// What happens to a job, as far as its attempts go.
    #[derive(Clone, Debug)]
    enum Step {
        /// It is assigned; so many epochs are skipped, as a try that came to nothing does.
        Assign(u32),
        /// Its attempt is over and none follows yet.
        Release,
        /// Somebody reports: for the attempt of this place in the history, at an epoch of that place's or shifted.
        Report(proptest::sample::Index, i32),
        /// Somebody reports for an attempt that is none of this job's, at the present epoch.
        Foreign,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let report = (any::<proptest::sample::Index>(), prop_oneof![Just(0), -3..=3_i32]);
        let step = prop_oneof![
            2 => (1..4_u32).prop_map(Step::Assign),
            1 => Just(Step::Release),
            5 => report.prop_map(|(which, shift)| Step::Report(which, shift)),
            1 => Just(Step::Foreign),
        ];
        proptest::collection::vec(step, 1..60)
    }

    proptest! {
        #[test]
        fn of_any_history_only_the_newest_attempt_is_heard(steps in steps()) {
            let (mut current, mut history): (Option<Current>, Vec<Current>) = (None, Vec::new());
            for step in steps {
                match step {
                    Step::Assign(skipped) => {
                        let epoch = history.last().map_or(0, |last| last.epoch.0) + skipped;
                        let next = Current { attempt: AttemptId::generate(), epoch: Epoch(epoch) };
                        current = Some(next);
                        history.push(next);
                    }
                    Step::Release => current = None,
                    Step::Foreign => {
                        let epoch = current.map_or(Epoch(1), |current| current.epoch);
                        prop_assert!(may_report(current, AttemptId::generate(), epoch).is_err());
                    }
                    Step::Report(which, shift) => {
                        let Some(told) = (!history.is_empty()).then(|| *which.get(&history)) else { continue };
                        let epoch = Epoch(told.epoch.0.saturating_add_signed(shift));
                        let heard = may_report(current, told.attempt, epoch);
                        // late: an older attempt. replayed: one that is over. Shifted: its own attempt, another's epoch.
                        let newest = current.is_some() && history.last() == Some(&told) && epoch == told.epoch;
                        prop_assert_eq!(heard.is_ok(), newest);
                        if let Err(stale) = heard {
                            prop_assert_eq!(stale, Stale { attempt: told.attempt, epoch });
                        }
                        // said twice it is as good, or as bad, as said once
                        prop_assert_eq!(may_report(current, told.attempt, epoch), heard);
                    }
                }
                // at no time more than one of all that ever were
                let may = history.iter().filter(|one| may_report(current, one.attempt, one.epoch).is_ok());
                prop_assert_eq!(may.count(), usize::from(current.is_some()));
            }
        }
    }
}
