//! Does what [`Attempt`] decides.

use std::future::Future;

use solana_signature::Signature;
use solana_signer::Signer;
use tokio::time::{Instant, sleep};

use super::{Attempt, Ledger, Outcome, Policy, Slot, Step};
use crate::draft::{Draft, DraftError, Lifetime};
use crate::error::{ChainError, Fault, Why};
use crate::signed::Signed;

/// How often one draft is signed anew before somebody is asked to look. Each takes more than a minute to run out.
const MAX_SIGNINGS: u32 = 100;

/// Where signed transactions are recorded before they are sent.
pub trait Journal: Send {
    /// What recording may fail with.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Keeps it. When this returns, a crash must not forget it: it is sent next.
    fn signed(&mut self, signed: &Signed) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// A transaction that landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Which.
    pub signature: Signature,
    /// Where.
    pub slot: Slot,
    /// Why it failed there, if it did.
    pub error: Option<Why>,
}

/// Brings transactions to a chain.
#[derive(Clone, Debug)]
pub struct Courier<L> {
    ledger: L,
    policy: Policy,
}

impl<L: Ledger> Courier<L> {
    /// By this ledger, so patiently.
    pub fn new(ledger: L, policy: Policy) -> Self {
        Self { ledger, policy }
    }

    /// Sends what was just signed and recorded.
    pub async fn send(&self, signed: &Signed) -> Outcome {
        self.drive(signed, Attempt::new(signed.last_valid(), self.policy)).await
    }

    /// Goes on with what was found in the records after a restart, or after [`Outcome::Undecided`].
    pub async fn resume(&self, signed: &Signed) -> Outcome {
        self.drive(signed, Attempt::resumed(signed.last_valid(), self.policy)).await
    }

    /// Signs, records, sends; signs anew only when the last one can never land.
    ///
    /// # Errors
    /// A refusal, a journal that fails, or patience that ran out: then the journal holds what to
    /// [`resume`](Self::resume).
    pub async fn deliver<J: Journal>(
        &self,
        draft: &Draft,
        signers: &[&(dyn Signer + Sync)],
        journal: &mut J,
    ) -> Result<Delivered, ChainError> {
        for _ in 0..MAX_SIGNINGS {
            let signed = sign(draft, self.lifetime().await?, signers)?;
            journal.signed(&signed).await.map_err(|error| ChainError::Journal(Box::new(error)))?;
            let signature = signed.signature();
            match self.send(&signed).await {
                Outcome::Landed { slot, error } => return Ok(Delivered { signature, slot, error }),
                Outcome::Expired => tracing::info!(%signature, "out of time and in no block: signing anew"),
                Outcome::Refused(why) => return Err(ChainError::Refused(why)),
                Outcome::Undecided => return Err(ChainError::Undecided(signature)),
            }
        }
        Err(ChainError::NeverLands(MAX_SIGNINGS))
    }

    /// A recent block, asked for as patiently as everything else.
    async fn lifetime(&self) -> Result<Lifetime, Fault> {
        let start = Instant::now();
        let mut faults = 0_u32;
        loop {
            match self.ledger.lifetime().await {
                Ok(lifetime) => return Ok(lifetime),
                Err(fault) if start.elapsed() >= self.policy.patience => return Err(fault),
                Err(fault) => {
                    faults = faults.saturating_add(1);
                    tracing::debug!(%fault, faults, "no recent block");
                    sleep(self.policy.backoff.pause(faults)).await;
                }
            }
        }
    }

    async fn drive(&self, signed: &Signed, mut attempt: Attempt) -> Outcome {
        let start = Instant::now();
        let signature = signed.signature();
        loop {
            match attempt.step(start.elapsed()) {
                Step::Send => {
                    let reply = self.ledger.send(signed).await;
                    tracing::debug!(%signature, ?reply, "sent");
                    attempt.sent(reply, start.elapsed());
                }
                Step::AskStatus => match self.ledger.sight(&signature).await {
                    Ok(sight) => attempt.looked(sight),
                    Err(_) => attempt.failed(),
                },
                Step::AskTip => match self.ledger.tip().await {
                    Ok(tip) => attempt.found(tip),
                    Err(_) => attempt.failed(),
                },
                Step::Wait(pause) => {
                    sleep(pause).await;
                    attempt.waited(start.elapsed());
                }
                Step::Done(outcome) => {
                    tracing::debug!(%signature, ?outcome, "done");
                    return outcome;
                }
            }
        }
    }
}

fn sign(draft: &Draft, lifetime: Lifetime, signers: &[&(dyn Signer + Sync)]) -> Result<Signed, DraftError> {
    let signers: Vec<&dyn Signer> = signers.iter().map(|signer| *signer as &dyn Signer).collect();
    draft.sign(lifetime, &signers)
}
