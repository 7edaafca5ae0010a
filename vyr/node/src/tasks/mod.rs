//! The tasks that have not ended, and the decision which runs next.

mod ending;
mod queue;
mod status;
mod table;
mod task;

pub(crate) use ending::Ending;
pub(crate) use queue::{Next, Queue};
pub(crate) use status::{output_digest, proto_state, status, timestamp};
pub(crate) use table::Table;
pub(crate) use task::{Bound, Phase, Task};
