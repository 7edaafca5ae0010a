//! Ephemeral state: in memory, quota-bound, linearizable on the node, gone with it.

mod binding;
mod error;

pub use binding::{Binding, CasOutcome, KeyPage};
pub use error::StateError;
