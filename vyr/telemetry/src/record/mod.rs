//! The durable task record: one append-only log that backs crash recovery and history.
//!
//! ```text
//!   append(entry) ──► pending buffer ──► writer thread: one write + one fdatasync a batch
//!                     (bounded, waits)      │                        └──► Synced resolves
//!                                           ├─► Index  (where each task's entries are)
//!                                           └─► LiveTasks (accepted and not ended)
//!   folder:  000001.seg 000001.idx  000002.seg 000002.idx  000003.seg (open)
//! ```
//! A segment is a 16-byte head and frames `[u32 length][u32 crc32c][Entry]`, little-endian. When
//! one is full it is synced, its index is written beside it, and the next begins. Opening reads
//! the newest index and the segments after it, so it takes milliseconds however long the history.
//!
//! Promises: an entry whose [`Synced`] resolved is there after any crash; entries keep their
//! order; a torn tail is cut off and reported; a damaged frame costs itself and nothing else; a
//! full disk refuses new entries and harms none.

mod blobs;
mod error;
mod frame;
mod history;
mod index;
mod live_tasks;
mod meta;
mod open;
mod options;
mod pending;
mod retention;
mod segment;
mod store;
mod writer;

pub use blobs::blobs_in_use;
pub use error::RecordError;
pub use history::{History, HistoryQuery, Order};
pub use open::{Damage, LeftTask, Recovery};
pub use options::{OnDamage, OnSync, RecordOptions};
pub use pending::{Commit, Synced};
pub use store::{Record, RecordStats, WeakRecord};
pub use vyr_proto::record::{Accepted, Bound, Ended, Entry, Span, Started};

use std::sync::Arc as Shared;
