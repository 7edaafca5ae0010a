//! Who pays: the table of the design, as a function.

use crate::{Class, Reason};

/// What becomes of a job's money when a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The metered time is charged; the excess returns.
    Settle,
    /// Everything returns.
    Refund(Outputs),
    /// It is assigned again; nothing is charged for this attempt.
    Retry,
}

/// What becomes of the outputs of a run that is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// There are none, or the buyer may have them: it was not his fault.
    Free,
    /// Withheld, and the time counts against his refunded compute.
    Withheld,
}

/// Decides by how the run ended, whether the script had started, and whether the job may be assigned again.
///
/// | ended by | before start | after start |
/// |---|---|---|
/// | success | | settle |
/// | cancel, time-out, budget | refund | settle, outputs delivered |
/// | the script's own fault | refund | refund, outputs withheld, time counts against the cap |
/// | node or platform | again, else refund | again, else refund |
/// | an upheld dispute | | refund |
#[must_use]
pub const fn verdict(reason: Reason, started: bool, may_retry: bool) -> Verdict {
    match (reason, reason.class()) {
        (Reason::Dispute | Reason::Unfunded, _) => Verdict::Refund(Outputs::Free),
        (_, None) if started => Verdict::Settle,
        (_, None) => Verdict::Refund(Outputs::Free),
        (_, Some(Class::User)) if started => Verdict::Refund(Outputs::Withheld),
        (_, Some(Class::User)) => Verdict::Refund(Outputs::Free),
        (_, Some(Class::Node | Class::Platform)) if may_retry => Verdict::Retry,
        (_, Some(Class::Node | Class::Platform)) => Verdict::Refund(Outputs::Free),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_pays_for_a_failure() {
        for reason in Reason::ALL.iter().filter(|reason| reason.class().is_some()) {
            for (started, may_retry) in [(false, false), (false, true), (true, false), (true, true)] {
                assert_ne!(verdict(*reason, started, may_retry), Verdict::Settle, "{reason}");
            }
        }
    }

    #[test]
    fn nobody_pays_for_what_never_ran() {
        for reason in Reason::ALL {
            assert_ne!(verdict(*reason, false, false), Verdict::Settle, "{reason}");
        }
    }

    #[test]
    fn only_node_and_platform_failures_are_tried_again() {
        for reason in Reason::ALL {
            let again = verdict(*reason, true, true) == Verdict::Retry;
            let theirs = matches!(reason.class(), Some(Class::Node | Class::Platform));
            assert_eq!(again, theirs && *reason != Reason::Dispute, "{reason}");
            assert_ne!(verdict(*reason, true, false), Verdict::Retry);
        }
    }

    #[test]
    fn a_stop_while_running_is_paid_and_delivered() {
        for reason in [Reason::Cancelled, Reason::Timeout, Reason::Budget, Reason::Succeeded] {
            assert_eq!(verdict(reason, true, true), Verdict::Settle);
        }
    }
}
