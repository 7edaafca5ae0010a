//! Sending money once. [`Attempt`] decides, without clock or I/O; [`Courier`] does what it says.
//!
//! ```text
//!        ┌──────────── Send ◄─────── every `resend` ───────┐
//!        ▼  accepted, lost, refused                         │
//!   AskStatus ── seen, settled enough ──► Landed            │
//!        │ not seen                                         │
//!        ▼                                                  │
//!     AskTip ── finalized height still within its time ──► Wait
//!        │ past its time
//!        ▼
//!   AskStatus at that tip or later ── not seen ──► Expired (only now may one sign anew)
//! ```
//! No answer, from anywhere: wait, with growing pauses, and ask again. Nothing is concluded from silence.

mod attempt;
mod courier;
mod policy;
#[cfg(test)]
mod simulated;

use std::future::Future;

pub use attempt::{Attempt, Level, Outcome, Reply, Seen, Sight, Step, Tip};
pub use courier::{Courier, Delivered, Journal};
pub use policy::{Backoff, Policy};
use serde::{Deserialize, Serialize};
use solana_signature::Signature;

use crate::draft::Lifetime;
use crate::error::Fault;
use crate::signed::Signed;

/// A place in the chain's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(pub u64);

/// How many blocks there were before one; slots without a block do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockHeight(pub u64);

/// What sending needs of a chain.
pub trait Ledger: Send + Sync {
    /// A recent block to sign for.
    fn lifetime(&self) -> impl Future<Output = Result<Lifetime, Fault>> + Send;
    /// Hands the bytes in. No answer counts as [`Reply::Lost`].
    fn send(&self, signed: &Signed) -> impl Future<Output = Reply> + Send;
    /// Whether it is seen, in the history too.
    fn sight(&self, signature: &Signature) -> impl Future<Output = Result<Sight, Fault>> + Send;
    /// The newest block that can no longer be undone.
    fn tip(&self) -> impl Future<Output = Result<Tip, Fault>> + Send;
}
