//! One container, from its making to its removal.
//!
//! ```text
//! create ─► attach ─► start ─┬─► streams ─► sinks, counted
//!                            ├─► samples ─► OnUsage, processor time
//!                            ├─► looks at the writable folders
//!                            └─► the end, or a reason to stop ─► SIGTERM, grace, SIGKILL ─► inspect ─► decide ─► remove
//! ```

mod container;
mod counters;
mod disk;
mod stop;
mod streams;
mod supervise;
mod terminal;

pub(crate) use self::supervise::{Run, run};
