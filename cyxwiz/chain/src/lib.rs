//! The Solana client of the market: typed escrow calls, sends that survive lost replies, accounts and events as
//! they change.
//!
//! ```text
//! Contract ──► Draft ──► Unsigned (a wallet signs) ──┐
//!                 └────► Signed (record it first) ───┴─► send: Attempt decides, Rpc does ──► Landed | Expired | …
//! Rpc ──► Config, Balance, Escrow, tokens, history         watch: WebSocket, and Rpc for what it missed ──► News
//! ```
//!
//! Whoever sends money records the [`Signed`] transaction before it goes out. Sending the same bytes again is
//! always safe; signing anew is safe only after [`Outcome::Expired`].

mod accounts;
mod calls;
mod cluster;
mod draft;
mod error;
mod history;
mod key;
mod log;

mod rpc;
mod send;
mod signed;
mod watch;

pub use accounts::{SolRent, TokenHoldings};
pub use calls::{Contract, PayoutGap};
pub use cluster::{Cluster, Network, NetworkError};
pub use cyxwiz_escrow_interface as escrow;
pub use cyxwiz_model::{Coin, Money, MoneyError};
pub use draft::{Draft, DraftError, Lifetime, Unsigned};
pub use error::{ChainError, Fault, Why};
pub use history::Entry;
pub use key::{KeyError, create_keypair, read_keypair};
pub use log::events_of;
pub use rpc::{Rpc, Simulated};
pub use send::{
    Attempt, Backoff, BlockHeight, Courier, Delivered, Journal, Ledger, Level, Outcome, Policy, Reply, Seen,
    Sight, Slot, Step, Tip,
};
pub use signed::{Signed, SignedError};
pub use watch::{News, Watch, WatchPolicy, watch};
