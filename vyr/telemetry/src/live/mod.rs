//! Live streams: what happens now, to whoever watches.
//!
//! ```text
//!   node ──publish(TaskEvent)──► Hub ──by task id: O(1)──► Subscription (bounded queue, drop count)
//!                                  └──broad filters──────► Subscription …
//! ```
//! The publisher never waits: a queue that is full loses its oldest event and counts it.

mod filter;
mod hub;
mod subscription;

pub use filter::{Filter, FilterError, TaskKey};
pub use hub::{Hub, HubFull, HubOptions, TaskEvent};
pub use subscription::{Received, Subscription};
