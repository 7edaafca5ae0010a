//! Accounts and events as they change, over a WebSocket that may break at any moment.
//!
//! ```text
//! connect ─► subscribe ─► fill the gap (accounts read anew, signatures since the last safe one) ─► live
//!    ▲                             ▲                                                             │ │
//!    │                             └────── once more, some slots later: nodes may be behind ─────┘ │
//!    └───────────── pause, growing ◄──────── broken, or silent for too long ◄──────────────────────┘
//! ```
//! [`Source`](source::Source) is what the chain is asked. [`Progress`](progress::Progress) decides what is news: every event once, no account older than what was told.
//! A consumer that is slow slows the feed down; what it misses by that, the next gap fill brings.

mod feed;
mod progress;
#[cfg(test)]
mod simulated;
mod source;
mod wire;

use std::time::Duration;

use cyxwiz_escrow_interface::{Address, Event};
use solana_account::Account;
use solana_signature::Signature;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::rpc::Rpc;
use crate::send::{Backoff, Slot};

/// News that wait for the consumer.
const WAITING: usize = 1024;

/// Something that the consumer did not know.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The feed is complete up to now, and live from now on.
    Live,
    /// The feed broke; what happens meanwhile comes with the next [`News::Live`], before it.
    Cut,
    /// More happened during a cut than is fetched. Read the accounts: they are the truth.
    Skipped,
    /// A watched account as it is now; nothing when it is closed.
    Account {
        /// Which.
        address: Address,
        /// As of when.
        slot: Slot,
        /// What it holds.
        account: Option<Account>,
    },
    /// The program said something.
    Events {
        /// In which transaction.
        signature: Signature,
        /// Where.
        slot: Slot,
        /// In its order.
        events: Vec<Event>,
    },
}

/// What is watched, and from where.
#[derive(Clone, Debug)]
pub struct WatchPolicy {
    /// Where the WebSocket is.
    pub ws_url: String,
    /// Whose events.
    pub program: Address,
    /// Which accounts. At most 100.
    pub accounts: Vec<Address>,
    /// The transaction up to which everything is known; nothing: from now on.
    pub since: Option<Signature>,
    /// After a cut.
    pub backoff: Backoff,
    /// A chain that shows no new slot for so long is not there any more, whatever the connection says.
    pub silence: Duration,
}

impl WatchPolicy {
    /// This program from now on.
    #[must_use]
    pub fn new(ws_url: &str, program: Address) -> Self {
        let silence = Duration::from_secs(15);
        let (accounts, since, backoff) = (Vec::new(), None, Backoff::default());
        Self { ws_url: ws_url.to_owned(), program, accounts, since, backoff, silence }
    }
}

/// A running feed; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
}

impl Watch {
    /// The next news; waits for it.
    pub async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a feed.
#[must_use]
pub fn watch(rpc: Rpc, policy: WatchPolicy) -> Watch {
    let (sender, news) = mpsc::channel(WAITING);
    let task = tokio::spawn(feed::run(rpc, policy, sender));
    Watch { news, task }
}
