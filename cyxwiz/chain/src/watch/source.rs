//! What a feed needs of a chain: notices while the connection holds, and reads for what it missed.

use std::future::Future;

use cyxwiz_escrow_interface::{Address, Event};
use futures::stream::BoxStream;
use solana_account::Account;
use solana_signature::Signature;

use super::WatchPolicy;
use crate::error::Fault;
use crate::history::{Mention, Span};
use crate::send::Slot;

/// Something that came over the connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Notice {
    /// A transaction and what the program said in it; nothing where it failed.
    Events(Slot, Signature, Vec<Event>),
    /// A watched account as of a slot.
    Account(Address, Slot, Option<Account>),
    /// The chain goes on.
    Slot,
    /// The connection is of no use any more, and why.
    End(String),
}

/// A chain as a feed sees it.
pub(super) trait Source: Send + Sync {
    /// A connection; dropped, it ends.
    type Line: Send + Sync;

    /// Connects, without a limit of its own.
    fn connect(&self, policy: &WatchPolicy) -> impl Future<Output = Result<Self::Line, Fault>> + Send;

    /// Asks for everything that is watched. The stream says by [`Notice::End`] when the connection is gone.
    fn notices<'a>(
        &self,
        line: &'a Self::Line,
        policy: &WatchPolicy,
    ) -> impl Future<Output = Result<BoxStream<'a, Notice>, Fault>> + Send;

    /// Signatures that touched an address, newest first.
    fn mentions(
        &self,
        address: &Address,
        span: Span,
    ) -> impl Future<Output = Result<Vec<Mention>, Fault>> + Send;

    /// What the program said in a transaction; nothing for one that the node does not have.
    fn events(
        &self,
        program: &Address,
        signature: &Signature,
    ) -> impl Future<Output = Result<Option<Vec<Event>>, Fault>> + Send;

    /// Accounts, each or nothing, all as of one slot.
    fn accounts(
        &self,
        addresses: &[Address],
    ) -> impl Future<Output = Result<(Slot, Vec<Option<Account>>), Fault>> + Send;
}
