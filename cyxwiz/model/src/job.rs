//! The life of a job.
//!
//! ```text
//! draft ─► funded ─► queued ─► assigned ─► preparing ─► running ─► publishing ─► verifying ─► settling ─► completed
//!   │         │        ▲ │         │           │           │            │            │            │
//!   │         │        │ │         └───────────┴───────────┴────────────┴────────────┤ again      │ cannot land
//!   │         │        └─┼────────────────────────────────────────────────────────────┘            │
//!   ▼         ▼          ▼                                                                         ▼
//! cancelled   └──────► refunding ◄──────────── (from each that is not terminal) ◄──────────────────┘
//!                          └─► refunded
//! ```

use std::fmt;
use std::str::FromStr;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// How far a job is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum JobState { $($(#[$doc])* $name,)* }

        impl JobState {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

states! {
    /// Files and escrow are awaited.
    Draft = "draft",
    /// The escrow is open, files are awaited.
    Funded = "funded",
    /// Waits for a node.
    Queued = "queued",
    /// A node was chosen.
    Assigned = "assigned",
    /// The node fetches what it needs.
    Preparing = "preparing",
    /// The script runs.
    Running = "running",
    /// Outputs are uploaded.
    Publishing = "publishing",
    /// Outputs are checked, then the window for disputes.
    Verifying = "verifying",
    /// The settlement is on its way.
    Settling = "settling",
    /// Settled.
    Completed = "completed",
    /// The refund is on its way.
    Refunding = "refunding",
    /// Everything is back.
    Refunded = "refunded",
    /// Cancelled before there was an escrow.
    Cancelled = "cancelled",
}

/// A word that is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a job")]
pub struct UnknownState(String);

/// What moves a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Its escrow is open on its terms.
    Funded,
    /// Its files are all there as well.
    Ready,
    /// A node was chosen.
    Assigned,
    /// The node took it.
    Preparing,
    /// The script started.
    Started,
    /// The script is gone.
    Exited,
    /// The node uploaded everything, or said that there is nothing.
    Published,
    /// Its run is to be charged.
    Settle,
    /// It is to be assigned again.
    Retry,
    /// Everything is to go back.
    Refund,
    /// The settlement landed.
    Settled,
    /// The refund landed, or the chain gave it back by itself.
    Refunded,
    /// Its buyer gave it up before there was an escrow.
    Abandoned,
}

/// An event that a job in its state does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {state} cannot be moved by {event:?}")]
pub struct NotAllowed {
    /// Its state.
    pub state: JobState,
    /// The event.
    pub event: Event,
}

/// The state after an event.
///
/// # Errors
/// [`NotAllowed`]
pub const fn step(state: JobState, event: Event) -> Result<JobState, NotAllowed> {
    use JobState as S;
    Ok(match (state, event) {
        (S::Draft, Event::Funded) => S::Funded,
        (S::Draft, Event::Abandoned) => S::Cancelled,
        (S::Draft | S::Funded, Event::Ready) => S::Queued,
        (S::Queued, Event::Assigned) => S::Assigned,
        (S::Assigned, Event::Preparing) => S::Preparing,
        (S::Assigned | S::Preparing, Event::Started) => S::Running,
        // a script that never started, for its requirements could not be installed, has an end all the same
        (S::Preparing | S::Running, Event::Exited) => S::Publishing,
        (S::Publishing, Event::Published) => S::Verifying,
        (S::Verifying, Event::Settle) => S::Settling,
        (S::Assigned | S::Preparing | S::Running | S::Publishing | S::Verifying, Event::Retry) => S::Queued,
        (
            S::Funded
            | S::Queued
            | S::Assigned
            | S::Preparing
            | S::Running
            | S::Publishing
            | S::Verifying
            | S::Settling,
            Event::Refund,
        ) => S::Refunding,
        (S::Settling, Event::Settled) => S::Completed,
        (S::Refunding, Event::Refunded) => S::Refunded,
        (state, event) => return Err(NotAllowed { state, event }),
    })
}

/// Tells whether a job may go from one state to another by some event.
#[must_use]
pub fn transition_allowed(from: JobState, to: JobState) -> bool {
    const EVENTS: [Event; 13] = [
        Event::Funded,
        Event::Ready,
        Event::Assigned,
        Event::Preparing,
        Event::Started,
        Event::Exited,
        Event::Published,
        Event::Settle,
        Event::Retry,
        Event::Refund,
        Event::Settled,
        Event::Refunded,
        Event::Abandoned,
    ];
    EVENTS.into_iter().any(|event| step(from, event) == Ok(to))
}

impl JobState {
    /// Whether it is the last.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Refunded | Self::Cancelled)
    }

    /// Whether a node works on it.
    #[must_use]
    pub const fn has_node(self) -> bool {
        matches!(self, Self::Assigned | Self::Preparing | Self::Running | Self::Publishing)
    }

    /// Whether its escrow is open.
    #[must_use]
    pub const fn has_escrow(self) -> bool {
        !matches!(self, Self::Draft) && !self.is_terminal()
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|state| state.word() == text);
        found.ok_or_else(|| UnknownState(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn reached_from(start: JobState) -> HashSet<JobState> {
        let (mut seen, mut todo) = (HashSet::from([start]), vec![start]);
        while let Some(state) = todo.pop() {
            for next in JobState::ALL {
                if transition_allowed(state, *next) && seen.insert(*next) {
                    todo.push(*next);
                }
            }
        }
        seen
    }

    #[test]
    fn every_state_is_reached_and_every_job_can_end() {
        assert_eq!(reached_from(JobState::Draft).len(), JobState::ALL.len());
        for state in JobState::ALL {
            assert!(reached_from(*state).iter().any(|state| state.is_terminal()), "{state}");
        }
    }

    #[test]
    fn a_terminal_state_is_never_left() {
        for (from, to) in
            JobState::ALL.iter().flat_map(|from| JobState::ALL.iter().map(move |to| (*from, *to)))
        {
            if from.is_terminal() {
                assert!(!transition_allowed(from, to), "{from} to {to}");
            }
        }
    }

    #[test]
    fn every_open_escrow_can_be_given_back() {
        for state in JobState::ALL.iter().filter(|state| state.has_escrow()) {
            assert!(reached_from(*state).contains(&JobState::Refunded), "{state}");
        }
        // and none is given back that was never opened
        assert!(!transition_allowed(JobState::Draft, JobState::Refunding));
    }

    #[test]
    fn money_moves_only_at_the_ends() {
        for state in JobState::ALL {
            assert_eq!(transition_allowed(*state, JobState::Completed), *state == JobState::Settling);
            assert_eq!(transition_allowed(*state, JobState::Refunded), *state == JobState::Refunding);
        }
    }

    #[test]
    fn words_are_read_again() {
        for state in JobState::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
        }
    }
}
