//! What to do next with one signed transaction.

use std::time::Duration;

use solana_transaction_error::TransactionError;

use super::{BlockHeight, Policy, Slot};
use crate::error::{Fault, Why};

/// What a node answered to a send.
#[derive(Debug)]
pub enum Reply {
    /// It took the bytes.
    Accepted,
    /// It tried them and says that they fail.
    Refused(TransactionError),
    /// No answer of use: it may have taken them.
    Lost(Fault),
}

/// What a node says of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// As of which slot it speaks.
    pub as_of: Slot,
    /// What it sees.
    pub seen: Option<Seen>,
}

/// Where a transaction is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// In which slot.
    pub slot: Slot,
    /// How sure that is.
    pub level: Level,
    /// It is in a block, and failed there.
    pub error: Option<TransactionError>,
}

/// How sure a landing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One node has it; a fork can undo it.
    Processed,
    /// Two thirds of the stake voted for it.
    Confirmed,
    /// It cannot be undone.
    Finalized,
}

/// The newest block that cannot be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its slot.
    pub slot: Slot,
    /// Its height.
    pub height: BlockHeight,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Hand the bytes in.
    Send,
    /// Ask for the signature.
    AskStatus,
    /// Ask for the newest final block.
    AskTip,
    /// Wait.
    Wait(Duration),
    /// It is over.
    Done(Outcome),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in a block; with an error nothing happened but the fee.
    Landed {
        /// In which slot.
        slot: Slot,
        /// Why it failed there.
        error: Option<Why>,
    },
    /// It is in no block and never will be: the only outcome after which one may sign anew.
    Expired,
    /// No node had taken it when one said that it fails. The bytes exist: until they expire one must not sign anew.
    Refused(Why),
    /// Patience ran out. Keep the record and ask again later.
    Undecided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Send,
    Status,
    Tip,
    Pause(Duration),
}

/// One signed transaction on its way.
#[derive(Clone, Debug)]
pub struct Attempt {
    last_valid: BlockHeight,
    policy: Policy,
    next: Next,
    /// Some node may have the bytes.
    out: bool,
    sent_at: Option<Duration>,
    faults: u32,
    /// The final block after which the bytes can be in none.
    past: Option<Tip>,
    done: Option<Outcome>,
}

impl Attempt {
    /// Just signed and recorded; nobody else has the bytes.
    #[must_use]
    pub fn new(last_valid: BlockHeight, policy: Policy) -> Self {
        let next = Next::Send;
        Self { last_valid, policy, next, out: false, sent_at: None, faults: 0, past: None, done: None }
    }

    /// Found in the records after a restart: it may be anywhere.
    #[must_use]
    pub fn resumed(last_valid: BlockHeight, policy: Policy) -> Self {
        Self { next: Next::Status, out: true, ..Self::new(last_valid, policy) }
    }

    /// What to do, `elapsed` after the start.
    #[must_use]
    pub fn step(&self, elapsed: Duration) -> Step {
        if let Some(outcome) = &self.done {
            return Step::Done(outcome.clone());
        }
        if elapsed >= self.policy.patience {
            return Step::Done(Outcome::Undecided);
        }
        match self.next {
            Next::Send => Step::Send,
            Next::Status => Step::AskStatus,
            Next::Tip => Step::AskTip,
            Next::Pause(pause) => Step::Wait(pause.min(self.policy.patience.saturating_sub(elapsed))),
        }
    }

    /// After [`Step::Send`].
    pub fn sent(&mut self, reply: Reply, elapsed: Duration) {
        self.sent_at = Some(elapsed);
        self.next = Next::Status;
        match reply {
            Reply::Accepted => self.out = true,
            Reply::Lost(_) => {
                self.out = true;
                self.failed();
            }
            // "already processed" is good news, an unknown block may be one that the node has not heard of yet
            Reply::Refused(TransactionError::AlreadyProcessed) => self.out = true,
            Reply::Refused(TransactionError::BlockhashNotFound) => {}
            Reply::Refused(error) if self.policy.report_refusal && !self.out => {
                self.done = Some(Outcome::Refused(Why { error }));
            }
            // an earlier send may have landed and be the very reason for the refusal
            Reply::Refused(_) => {}
        }
    }

    /// After [`Step::AskStatus`].
    pub fn looked(&mut self, sight: Sight) {
        self.faults = 0;
        let wanted = if self.policy.finalized { Level::Finalized } else { Level::Confirmed };
        match (sight.seen, self.past) {
            (Some(seen), _) if seen.level >= wanted => {
                let error = seen.error.map(|error| Why { error });
                self.done = Some(Outcome::Landed { slot: seen.slot, error });
            }
            (Some(_), _) => self.next = Next::Pause(self.policy.poll),
            // a node that lags behind the tip may not have seen the block that holds it
            (None, Some(past)) if sight.as_of >= past.slot => self.done = Some(Outcome::Expired),
            (None, Some(_)) => self.next = Next::Pause(self.policy.poll),
            (None, None) => self.next = Next::Tip,
        }
    }

    /// After [`Step::AskTip`].
    pub fn found(&mut self, tip: Tip) {
        self.faults = 0;
        if tip.height > self.last_valid {
            self.past = Some(tip);
            self.next = Next::Status;
        } else {
            self.next = Next::Pause(self.policy.poll);
        }
    }

    /// No answer to [`Step::AskStatus`] or [`Step::AskTip`].
    pub fn failed(&mut self) {
        self.faults = self.faults.saturating_add(1);
        self.next = Next::Pause(self.policy.backoff.pause(self.faults));
    }

    /// After [`Step::Wait`].
    pub fn waited(&mut self, elapsed: Duration) {
        let due = self.sent_at.is_none_or(|at| elapsed.saturating_sub(at) >= self.policy.resend);
        // past its time the bytes are worth nothing any more
        self.next = if due && self.past.is_none() { Next::Send } else { Next::Status };
    }
}
