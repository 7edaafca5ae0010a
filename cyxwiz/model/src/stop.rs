//! Which of two stories about a run's end counts: what its node says, and what the server knows.

use crate::{Reason, Span};

/// How much earlier than by the server's clock a node may find that the time is up: clocks, and the way of a report.
const EARLY: Span = Span::seconds(10);

/// The reason that counts, of what the node said, what the server had told the node to stop it for, whether the script
/// had started, for how long it ran by the server's clock, and for how long it may.
///
/// Time-out, budget and cancel are paid although there is no whole result, so a node is believed to have stopped for
/// them only where the server knows of it.
#[must_use]
pub fn final_reason(said: Reason, told: Option<Reason>, started: bool, ran: Span, timeout: Span) -> Reason {
    if !said.by_node() {
        return Reason::NodeError;
    }
    match (said, told) {
        // it came to its own end before the order reached it
        (Reason::Succeeded, _) => Reason::Succeeded,
        // a failure of the node's own is not covered up by an order
        (Reason::NodeError, _) => Reason::NodeError,
        // what a script ends with that is being stopped says nothing
        (_, Some(told)) if started => told,
        (Reason::Timeout, None) if started && ran.plus(EARLY) >= timeout => Reason::Timeout,
        (Reason::Timeout | Reason::Budget | Reason::Cancelled, _) => Reason::NodeError,
        (said, _) => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Verdict, verdict};

    const HOUR: Span = Span::seconds(3600);

    #[test]
    fn an_order_explains_how_a_script_ends() {
        for said in [Reason::Exit, Reason::Signal, Reason::Cancelled, Reason::Timeout] {
            assert_eq!(final_reason(said, Some(Reason::Budget), true, Span::ZERO, HOUR), Reason::Budget);
        }
        assert_eq!(final_reason(Reason::Succeeded, Some(Reason::Budget), true, HOUR, HOUR), Reason::Succeeded);
    }

    #[test]
    fn a_node_is_not_paid_for_a_stop_that_nobody_asked_for() {
        for said in Reason::ALL.iter().copied().filter(|said| *said != Reason::Succeeded) {
            let reason = final_reason(said, None, true, Span::seconds(60), HOUR);
            assert_ne!(verdict(reason, true, false), Verdict::Settle, "{said}");
        }
    }

    #[test]
    fn the_time_is_up_by_the_servers_clock() {
        let said = |ran| final_reason(Reason::Timeout, None, true, ran, HOUR);
        assert_eq!(said(Span::seconds(3595)), Reason::Timeout);
        assert_eq!(said(Span::seconds(1800)), Reason::NodeError);
    }

    #[test]
    fn what_only_the_server_can_know_a_node_cannot_say() {
        for said in [Reason::NodeLost, Reason::BadResult, Reason::PlatformError, Reason::Dispute, Reason::Unfunded] {
            assert_eq!(final_reason(said, None, true, HOUR, HOUR), Reason::NodeError);
        }
    }
}
