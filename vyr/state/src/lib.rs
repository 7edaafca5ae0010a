//! Ephemeral state: in memory, quota-bound, linearizable on the node, gone with it.
//!
//! ```text
//! create(name, quota, ttl) ──► StateKernel ── table: who exists, until when
//! bind_all([(id, ro|rw)])  ──►     │
//!                                  ▼
//! task ──► Binding (ro|rw) ──► one state's contents, its own lock, exact bytes
//!            │ drop: the last one starts the TTL
//!            ▼
//! sweep(now) drops what has expired
//! ```

mod binding;
mod cell;
mod contents;
mod error;
mod info;
mod kernel;
mod options;

pub use binding::{Binding, CasOutcome, KeyPage};
pub use error::StateError;
pub use info::{StateGauges, StateInfo};
pub use kernel::StateKernel;
pub use options::{Clock, StateOptions};
