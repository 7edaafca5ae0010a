//! For how long a job does not go back to a node that did not run it.

use crate::{Moment, Span};

/// After a failure there.
const AVOID: Span = Span::seconds(30);
/// After the node said that it had no place yet: what ran there before is still being cleared away. Twice as long with
/// each such answer, so that a node that always says so is asked no more often than one that fails.
const BUSY: Span = Span::seconds(2);
/// Doublings from which on nothing becomes longer.
const MOST_DOUBLINGS: u32 = 4;

/// How an attempt ended that was not run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined {
    /// When its place became free.
    pub at: Moment,
    /// Whether the node only had no place at that moment.
    pub busy: bool,
}

/// Until when a node is avoided by a job, by the job's attempts there, in any order.
#[must_use]
pub fn avoided_until(attempts: impl IntoIterator<Item = Declined>) -> Moment {
    let (mut until, mut busy, mut last_busy) = (Moment(0), 0_u32, Moment(0));
    for attempt in attempts {
        if attempt.busy {
            busy = busy.saturating_add(1);
            last_busy = last_busy.max(attempt.at);
        } else {
            until = until.max(attempt.at.plus(AVOID));
        }
    }
    if busy == 0 {
        return until;
    }
    let doubled = BUSY.0.saturating_mul(1 << (busy - 1).min(MOST_DOUBLINGS));
    until.max(last_busy.plus(Span(doubled.min(AVOID.0))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn busy(at: i64) -> Declined {
        Declined { at: Moment(at), busy: true }
    }

    #[test]
    fn a_busy_node_is_asked_again_soon_and_ever_later() {
        let until = |times: usize| avoided_until((0..times).map(|_| busy(1000))).0 - 1000;
        assert_eq!([1, 2, 3, 4, 5, 6, 99].map(until), [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(avoided_until([]), Moment(0));
    }

    proptest! {
        #[test]
        fn nothing_is_avoided_for_longer_than_after_a_failure(
            attempts in proptest::collection::vec((0_i64..100_000, proptest::bool::ANY), 0..20),
        ) {
            let declined = attempts.iter().map(|(at, busy)| Declined { at: Moment(*at), busy: *busy });
            let until = avoided_until(declined);
            let last = attempts.iter().map(|(at, _)| *at).max().unwrap_or(0);
            prop_assert!(until.0 <= last + 30_000);
            for (at, busy) in attempts {
                // and each attempt counts
                let least = if busy { 2_000 } else { 30_000 };
                prop_assert!(until.0 >= at + least);
            }
        }
    }
}
