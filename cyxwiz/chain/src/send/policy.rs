//! How patient a send is.

use std::time::Duration;

/// Growing pauses: doubled each time, up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest one.
    pub most: Duration,
}

/// Doubling 32 times is beyond every limit.
const MAX_DOUBLINGS: u32 = 32;

impl Backoff {
    /// The pause after so many failures in a row.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
        let factor = 2_u32.saturating_pow(doublings);
        self.first.saturating_mul(factor).min(self.most)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(250), most: Duration::from_secs(15) }
    }
}

/// How patient a send is, and when it is content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Wait until the landing can no longer be undone (about 13 s), not only until two thirds of the stake have seen
    /// it (about 1 s).
    pub finalized: bool,
    /// Between two looks.
    pub poll: Duration,
    /// Between two sends of the same bytes: nodes drop what they cannot place.
    pub resend: Duration,
    /// After no answer.
    pub backoff: Backoff,
    /// How long in all; after that the outcome is [`Undecided`](super::Outcome::Undecided), never a guess.
    pub patience: Duration,
    /// Give up at once where the first node that sees the transaction says that it would fail. An outbox that will
    /// sign anew says no: then the outcome waits until the bytes cannot land any more.
    pub report_refusal: bool,
}

impl Policy {
    /// For a person who waits for it.
    #[must_use]
    pub fn interactive() -> Self {
        Self { patience: Duration::from_secs(180), report_refusal: true, ..Self::outbox() }
    }

    /// For an outbox, which outlives an outage of an hour.
    #[must_use]
    pub fn outbox() -> Self {
        Self {
            finalized: false,
            poll: Duration::from_millis(400),
            resend: Duration::from_secs(2),
            backoff: Backoff::default(),
            patience: Duration::from_secs(2 * 60 * 60),
            report_refusal: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_limit() {
        let backoff = Backoff::default();
        let pauses: Vec<_> = (0..9).map(|failures| backoff.pause(failures).as_millis()).collect();
        assert_eq!(pauses, [250, 250, 500, 1000, 2000, 4000, 8000, 15000, 15000]);
        assert_eq!(backoff.pause(u32::MAX), backoff.most);
    }
}
