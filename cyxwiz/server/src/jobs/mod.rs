//! What buyers do: estimates, drafts, the queue, following a job, ending it early, its results.
//!
//! ```text
//! estimate ─► quote ─► create (draft, terms) ─► files, escrow ─► queue ─► … ─► results, dispute
//!                          watch: events from the table, woken by hints
//! ```
//! Every change of a job is one transaction: its row locked, [`moves::apply`] asks the lifecycle and appends the event.

mod agree;
mod cancel;
mod columns;
mod create;
mod dispute;
mod estimate;
pub mod events;
mod inputs;
mod list;
pub mod moves;
mod queue;
mod quote;
mod results;
mod row;
mod service;
mod terms;
mod view;
mod watch;

pub use quote::{QUOTE_LIFE, QuoteKey, Quoted};
pub use row::{Books, Ended, Job, Terms, by_id, by_ids, lock, of_account};
pub use service::Jobs;
pub use terms::differs;
pub use view::job_wire;

pub(crate) use columns::{count, key, small, word};
pub(crate) use list::page_size;
pub(crate) use moves::{Said, apply, apply_all};
